"""What an error says, in one sentence."""

import difflib


def first_line(error):
    """The first sentence that an error says, without its full stop; its kind if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0].rstrip(".:") if lines else type(error).__name__


def did_you_mean(name, known, otherwise=None):
    """The end of a sentence about an unknown name: "did you mean 'cola'?" or, where nothing is near, what there is.

    known: the names that there are. otherwise: what to say in place of a list of them.
    """
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise or f"choose from {', '.join(known)}."
