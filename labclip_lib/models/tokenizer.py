"""PocketCLIP's tokenizer: one token per word."""

import re

import torch


class WordTokenizer:
    """One token per word. Ids: 0 padding, 1 start of text, then the words, last the end of text.

    open_clip reads a caption's embedding at the largest id, so the end of text must have the last id.

    words: the vocabulary, a sequence of str. context_length: tokens per row, start and end included.
    """

    def __init__(self, words, context_length):
        self.words = tuple(words)
        self.context_length = context_length
        self.ids = {word: i for i, word in enumerate(self.words, 2)}
        self.end = len(self.words) + 2
        self.vocab_size = self.end + 1

    def __call__(self, captions, name="Caption {}".format):
        """Tokenise captions: (N, context_length) int64 ids. Case, commas and full stops are ignored.

        name: a function from a row to what its caption is called in errors.
        Raises ValueError for a caption with an unknown word, with no word or with too many.
        """
        captions = [captions] if isinstance(captions, str) else list(captions)
        out = torch.zeros(len(captions), self.context_length, dtype=torch.int64)
        for row, caption in enumerate(captions):
            words = re.sub(r"[.,]", " ", caption.lower()).split()
            unknown = [word for word in words if word not in self.ids]
            if unknown:
                raise ValueError(
                    f"PocketCLIP does not know the word {unknown[0]!r} in {caption!r}; "
                    f"it knows: {', '.join(self.words)}."
                )
            if not words:
                raise ValueError(f"{name(row)} is empty; give at least one word.")
            if len(words) > self.context_length - 2:
                raise ValueError(
                    f"{name(row)} has {len(words)} words, PocketCLIP reads at most "
                    f"{self.context_length - 2}: {caption!r}."
                )
            ids = [1, *(self.ids[word] for word in words), self.end]
            out[row, : len(ids)] = torch.tensor(ids)
        return out
