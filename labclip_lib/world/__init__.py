"""The compositional world of coloured shapes: drawn, painted and told.

shapes: what each colour and shape looks like
solids: shapes in three dimensions, on a floor, with shadows
placement: where objects stand, so that none touch
scenes: objects with all that a picture shows of them, and rendering them
geometry: colours, shapes and layouts as plain data, for a page that draws scenes itself
captions: writing captions of scenes, reading them back, and the caption policy
statements: what captions can say beside colour and shape
statement_policy: what the pretraining captions of PocketCLIP-relations say
twins: which scenes hold the same colours and shapes
layouts: every scene in several layouts, captioned and changed together
twin_world: a world in which one of two twins may never occur
pair_world: a world in which some colours never wear some of the shapes
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "scenes": "Scenes World",
        "captions": "TEMPLATES CaptionPolicy parse",
        "statements": "KINDS Statements",
        "twins": "pair_clusters",
        "layouts": "Layouts",
        "twin_world": "TwinWorld",
        "pair_world": "PairWorld",
    },
)
