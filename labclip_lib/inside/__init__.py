"""Looking inside the towers: where they look, and parts of a picture against parts of a caption.

attention: how much each token of a tower looks at each other token
looking: where the heads look, and whether that says who has what
patching: exchange a piece of what a tower computes between a scene and its twin
tracing: where in the towers who has what lives, by patching and probes
late_interaction: parts of a picture against phrases of a caption, instead of one cosine of two wholes
parts: crops, windows and phrases, and their embeddings
tokens: a vector for each place of a picture and each word of a caption
cross_scorer: a light scorer of the cosines between parts and tokens
parts_or_wholes: parts and phrases beside LABCLIP, on the same scenes
more_parts: the same where a scene holds more objects
experiments: what chapter 8 keeps of them, by name
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "attention": "image_attention rollout text_attention",
        "cross_scorer": "CrossScorer fit_cross_scorer",
        "late_interaction": "part_scores",
        "more_parts": "parts_of_more",
        "parts": "crops_of embed_parts embed_phrases phrases_of windows_of",
        "looking": "where_it_looks",
        "patching": "outputs_exchanged pattern_exchanged share_of_twin",
        "tokens": "caption_tokens patch_tokens",
        "tracing": "where_it_lives",
        "parts_or_wholes": "wholes_and_parts",
    },
)
