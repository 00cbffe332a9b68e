"""Is what an embedding holds used when image and caption are compared?

cross_modal: images against captions: swap, replace, retrieval, twin errors
within: images with images, captions with captions
reports: what the verb `diagnose` reports on a reader's own embeddings
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "cross_modal": "diagnose diagnose_embeddings twin_errors twins",
        "within": "captions_in diagnose_within",
        "reports": "diagnose_tables",
    },
)
