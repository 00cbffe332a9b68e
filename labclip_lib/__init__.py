"""labclip_lib: the shared library of the book "CLIP and the Binding Problem"."""

from labclip_lib import threads

__version__ = "0.1.0"

threads.settle()
