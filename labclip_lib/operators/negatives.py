"""What every operator returns: a `Negative`, or the reason why there is none."""

import dataclasses
import zlib
from typing import Any, NamedTuple

import numpy as np
import torch

from labclip_lib.operators.grammar import Sentence, canonical
from labclip_lib.operators.inflection import stem
from labclip_lib.world.scenes import Scenes


class Negative(NamedTuple):
    """What an operator made, or why it made nothing.

    value: of the source's type, never equal to the source; None where the operator does not apply.
    operator: its name. reason: one sentence when value is None, else "".
    """

    value: Any
    operator: str
    reason: str = ""


# Shared


def generator_for(seed, words=()):
    """A random generator from a seed and the Words of a caption, whatever their order, so that SWAP undoes itself.

    From the seed alone, every caption would get the same new word and be shuffled into the same order.
    """
    bag = " ".join(sorted(map(stem, canonical(words))))
    word_hash = zlib.crc32(bag.encode(errors="surrogatepass"))  # unlike hash(), the same in every process
    return np.random.default_rng([*map(int, np.atleast_1d(seed)), *([word_hash] if words else [])])


def quoted(source):
    if isinstance(source, Scenes):
        return f"these {len(source)} scenes"
    text = source if isinstance(source, str) else " ".join(source)
    return repr(text if len(text) <= 80 else text[:77] + "...")


def as_negative(source, sentence, words, name):
    """A Negative of the source's type; without a value where mending the grammar restored the source."""
    if canonical(words) == canonical(sentence.words):
        return Negative(None, name, f"Nothing changes in {quoted(source)}.")
    if isinstance(source, str):
        return Negative(str(Sentence(words, sentence.capital, sentence.tail)), name)
    return Negative([word.text for word in words], name)


def given_or_refused(source, result, name):
    return Negative(None, name, result) if isinstance(result, str) else Negative(result, name)


def is_same(first, second):
    if isinstance(first, Scenes):
        tensors = [f.name for f in dataclasses.fields(Scenes) if f.name != "world"]
        return all(torch.equal(getattr(first, name), getattr(second, name)) for name in tensors)
    return canonical(first) == canonical(second)
