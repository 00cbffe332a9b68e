"""What an error says, in one sentence."""


def first_line(error):
    """The first sentence that an error says, without its full stop; its kind if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].split(". ")[0].rstrip(".:") if lines else type(error).__name__
