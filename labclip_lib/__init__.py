"""labclip_lib: the shared library of the book "CLIP and the Binding Problem".

The names below load when they are first used. Each folder, a wing, says in its first lines what it knows, and gives
what its chapter uses: `from labclip_lib.probing import split_by_combination`.
"""

from labclip_lib.base.doors import door
from labclip_lib.base.old_paths import tell
from labclip_lib.base.threads import settle

__version__ = "0.2.0"

settle()
tell()

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "world": "Scenes World",
        "measures": "Estimate Measure bootstrap_ci estimate pairwise_accuracy recall_at_k",
        "models": "Backbone load_backbone",
        "embeddings": "embed_images embed_texts",
        "probing": "LinearProbe",
        "diagnosis": "diagnose",
        "operators": "add compose replace shuffle_words swap",
        "alignment": "LABCLIP fit_labclip",
        "book": "check check_exercise",
    },
)
