"""Short error messages: the first sentence of an error, and suggestions for an unknown name."""

import difflib


def first_line(error):
    """The first sentence of an error's message, without the full stop; the error's type if it has no message."""
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0].rstrip(".:") if lines else type(error).__name__


def closest(name, known):
    """The known name that is most like this name, or None."""
    return next(iter(difflib.get_close_matches(str(name), known, n=1)), None)


def did_you_mean(name, known, otherwise=None):
    """The end of a message about an unknown name: "did you mean 'cola'?" or, if no name is close, a list of them.

    known: the valid names. otherwise: what to say instead of listing them.
    """
    close = closest(name, known)
    return f"did you mean {close!r}?" if close else otherwise or f"choose from {', '.join(known)}."
