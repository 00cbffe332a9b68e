"""labclip_lib: the shared library of the book "CLIP and the Binding Problem"."""

__version__ = "0.1.0"
