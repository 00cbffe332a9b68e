"""Is what an embedding holds used when image and caption are compared?

cross_modal: images against captions: swap, replace, groups of twins, retrieval and twin errors, of any embeddings
within_modality: images with images, captions with captions
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "cross_modal": "diagnose diagnose_embeddings diagnose_groups diagnose_tables twin_errors twins",
        "within_modality": "diagnose_within",
    },
)
