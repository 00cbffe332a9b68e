"""The long trainings whose results the book keeps.

acceptance: what PocketCLIP must show before it ships
binding_share: PocketCLIPs trained with more, or fewer, binding captions
other_captions: PocketCLIPs trained with captions that say less, or otherwise, or with another tower
missing_twins: PocketCLIPs trained in worlds in which one of two twins never occurs
comparison: LABCLIP in its forms, CLIP and full fine-tuning, on three PocketCLIPs
loudness: whether CLIP's cosine lacks the directions or the loudness of who has what, on three PocketCLIPs
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "acceptance": "pooled",
        "binding_share": "RECIPE over_trainings",
        "missing_twins": "CONDITIONS SEEDS",
        "other_captions": "SwatchWorld",
        "comparison": "FULL",
    },
)
