import base64
import pickle

import numpy as np
import pytest

from labclip_lib.course.grader import sandbox
from labclip_lib.course.grader.plain_data import NotPlain, decode, encode


def npy(header, data=b""):
    header = header.encode()
    return {"npy": base64.b64encode(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data).decode()}


@pytest.mark.parametrize(
    "claim",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}\n", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}\n", bytes(8)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n", pickle.dumps(print)),
        npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': ()}\n", bytes(8)),
        npy("{((((\n"),
        {"npy": "gASVAAA="},
        {"dict": [[2**70, 1]]},
        *({"dict": [[[], 1]]}, {"dict": [1]}, {"float": "1"}, "\ud800", float("inf"), 1 << 5000),
    ],
)
def test_forged_claims_become_reasons(claim):
    answer = sandbox._answer(claim)
    assert answer.value is None and answer.reason


def test_a_header_is_not_believed():
    with pytest.raises(NotPlain, match="another size"):
        decode(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000,)}\n", bytes(8)))


def test_plain_data_comes_back_the_same():
    value = [None, True, -(2**80), 0.1, "a\U0001f600\0", (1, [2]), {1: {"tuple": 2}, "float": "nan"}, float("-inf")]
    back = decode(encode(value, 100))
    assert back == value and [type(item) for item in back] == [type(item) for item in value]
    with pytest.raises(NotPlain, match="larger than"):
        encode(np.zeros(100), 100)
    loop = []
    loop.append(loop)
    with pytest.raises(NotPlain, match="nested deeper"):
        encode(loop, 100)
