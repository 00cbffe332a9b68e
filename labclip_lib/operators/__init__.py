"""SWAP, REPLACE and ADD: making a hard negative out of a caption or a scene.

inflection: English words in their forms: one dog, two dogs
tagging: the kind of each word of a caption
grammar: shallow parsing of captions into words and noun phrases, sometimes wrong; mending their grammar
atoms: which parts of a caption are attributes, objects, relations, and which may be exchanged
substitutes: which words may replace which: a colour by a colour
negatives: what an operator returns, or why it returns nothing
on_scenes: the operators on scenes
on_captions: the operators on captions, shuffles, and their composition
coverage: which operators explain a benchmark's hard negatives
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "tagging": "spacy_tagger world_tagger",
        "grammar": "canonical read",
        "atoms": "attribute_pairs",
        "negatives": "Negative",
        "on_captions": "OPERATORS SHUFFLES add compose replace shuffle_words swap",
        "coverage": "HOLDS cover coverage_table explain",
    },
)
