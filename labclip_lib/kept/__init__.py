"""Numbers that this book's own pages computed from files which the repository does not hold."""

from labclip_lib.kept.results import kept, needed, origin

__all__ = ["kept", "needed", "origin"]
