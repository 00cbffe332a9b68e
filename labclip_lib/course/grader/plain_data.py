"""Plain data between two processes, one of them not trusted: strict JSON, arrays as .npy; nothing is ever unpickled.

None, bool, int, float, str, list, tuple, dict, numpy arrays of numbers, and torch tensors. JSON's own types stand for
themselves, `{"float": "nan"}`, `{"tuple": []}`, `{"dict": [[key, value]]}`, `{"npy": base64}` and `{"tensor": base64}`
for the others. Tensors arrive on the CPU, without their gradients, those of bfloat16 as float32.
"""

import base64
import contextlib
import io
import json
import math
import sys

DEPTH = 50  # of nested lists and dicts
INTEGER_BITS = 4096
VALUES = 2_000_000  # in one answer; more belong into an array


class NotPlain(ValueError):
    """Raised for a value that is not plain data; the message completes "the value ..."."""


def encode(value, size, depth=0):
    """Turn `value` into data for JSON, by its exact type; arrays and tensors become .npy files of at most `size` bytes.

    Raises NotPlain for any other type.
    """
    kind = type(value)
    if depth > DEPTH:
        raise NotPlain(f"is nested deeper than {DEPTH}")
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        if value.bit_length() > INTEGER_BITS:
            raise NotPlain(f"is an integer of more than {INTEGER_BITS} bits")
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is list:
        return [encode(item, size, depth + 1) for item in value]
    if kind is tuple:
        return {"tuple": [encode(item, size, depth + 1) for item in value]}
    if kind is dict:
        return {"dict": [[encode(k, size, depth + 1), encode(v, size, depth + 1)] for k, v in value.items()]}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if torch and (kind is torch.Tensor or kind is torch.nn.Parameter):
        value = value.detach().cpu()
        value = (value.float() if value.dtype is torch.bfloat16 else value).resolve_conj().resolve_neg().numpy()
        return {"tensor": encode(value, size)["npy"]}
    if numpy and kind.__module__ == "numpy" and issubclass(kind, (numpy.number, numpy.bool_)):
        value, item = numpy.asarray(value), value.item()
        if type(item) in (bool, int, float):
            return encode(item, size, depth)
        kind = type(value)
    if numpy and kind is numpy.ndarray:
        if value.dtype.kind not in "biufc":
            raise NotPlain(f"is an array of {value.dtype}, which is no plain data")
        if value.nbytes > size:
            raise NotPlain(f"is larger than {size / 2**20:g} MB")
        file = io.BytesIO()
        numpy.lib.format.write_array(file, value, version=(1, 0), allow_pickle=False)
        return {"npy": base64.b64encode(file.getvalue()).decode()}
    raise NotPlain(f"is of type {kind.__module__}.{kind.__qualname__}, which is no plain data")


def decode(value, depth=0):
    """The inverse of `encode`. Raises NotPlain or another ValueError for data that `encode` does not make."""
    if depth > 2 * DEPTH:
        raise NotPlain(f"is nested deeper than {DEPTH}")
    if type(value) is float and not math.isfinite(value):
        raise NotPlain("is a number too large")
    if type(value) is int and value.bit_length() > INTEGER_BITS:
        raise NotPlain(f"is an integer of more than {INTEGER_BITS} bits")
    if type(value) is str and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotPlain("holds half a character (a lone surrogate), which is no text") from None
    if type(value) is list:
        return [decode(item, depth + 1) for item in value]
    if type(value) is not dict:
        return value
    if len(value) != 1:
        raise NotPlain("is no plain data")
    ((tag, inner),) = value.items()
    if tag == "float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    if tag == "tuple" and type(inner) is list:
        return tuple(decode(inner, depth + 1))
    if tag == "dict" and type(inner) is list and all(type(pair) is list and len(pair) == 2 for pair in inner):
        out = {}
        for key, item in inner:
            key = decode(key, depth + 1)
            # Larger integers can be chosen to have the same hash, and such a dict takes hours to build.
            if not isinstance(key, str | int | float | None) or (type(key) is int and key.bit_length() > 60):
                raise NotPlain("is a dict whose keys are not all text and numbers below 2**60")
            out[key] = decode(item, depth + 1)
        return out
    if tag in ("npy", "tensor") and type(inner) is str:
        array = _array(base64.b64decode(inner, validate=True))
        if tag == "npy":
            return array
        import torch

        return torch.from_numpy(array)
    raise NotPlain("is no plain data")


def _array(data):
    """The array of a .npy file, whose header is checked before memory is allocated."""
    import numpy

    file = io.BytesIO(data)
    if numpy.lib.format.read_magic(file) != (1, 0):
        raise NotPlain("is no .npy file of version 1.0")
    shape, _, dtype = numpy.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "biufc" or min(shape, default=0) < 0:
        raise NotPlain("is an array of what is no plain data")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise NotPlain("is an array whose header tells another size than it has")
    file.seek(0)
    return numpy.lib.format.read_array(file, allow_pickle=False)


def dump(record, size):
    """A record as a line of JSON. Raises NotPlain if it is too long or holds too many values for `load`."""
    line = json.dumps(record, separators=(",", ":")) + "\n"
    if len(line) > 1.4 * size:  # base64 makes 4 of 3 bytes
        raise NotPlain(f"is larger than {size / 2**20:g} MB")
    if line.count(",") + line.count("[") > VALUES:
        raise NotPlain(f"holds more than {VALUES:,} values")
    return line


def load(line, size):
    """The dict in `line`, bytes of strict JSON; {} for anything else."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    if len(line) <= 1.4 * size and line.count(b",") + line.count(b"[") <= VALUES:
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line, parse_constant=refuse)
            return record if type(record) is dict else {}
    return {}
