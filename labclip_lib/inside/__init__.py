"""Looking inside the towers: where they look, and parts of a picture against parts of a caption.

attention: how much each token of a tower looks at each other token
looking: where the heads look, and whether that says who has what
patching: exchange a piece of what a tower computes between a scene and its twin
tracing: where in the towers who has what lives, by patching and probes
late_interaction: parts of a picture against phrases of a caption, instead of one cosine of two wholes
parts: crops, windows and phrases, and their embeddings
parts_or_wholes: parts and phrases beside LABCLIP, on the same scenes
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "attention": "image_attention rollout text_attention",
        "late_interaction": "part_scores",
        "parts": "crops_of embed_parts embed_phrases phrases_of windows_of",
        "looking": "where_it_looks",
        "patching": "outputs_exchanged pattern_exchanged share_of_twin",
        "tracing": "where_it_lives",
        "parts_or_wholes": "wholes_and_parts",
    },
)
