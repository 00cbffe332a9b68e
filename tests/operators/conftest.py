"""A stand-in for spaCy, which the book does not require."""

import sys
import types

import pytest


@pytest.fixture
def spacy(monkeypatch):
    """A module in spaCy's place, whose model gives each word the part of speech that it is told."""
    parts = {
        "shiny": "ADJ", "glorps": "VERB", "blick": "PROPN", "upon": "ADP", "hmm": "INTJ", "the": "VERB", "pink": "NOUN",
    }  # fmt: skip

    def load(name, **options):
        if name != "en_core_web_sm":
            raise OSError("no such model")
        return nlp

    def nlp(words):
        return [types.SimpleNamespace(pos_=parts.get(word, "VERB")) for word in words]

    nlp.vocab = None
    module, tokens = types.ModuleType("spacy"), types.ModuleType("spacy.tokens")
    module.load, module.tokens = load, tokens
    tokens.Doc = lambda vocab, words: words
    monkeypatch.setitem(sys.modules, "spacy", module)
    monkeypatch.setitem(sys.modules, "spacy.tokens", tokens)
