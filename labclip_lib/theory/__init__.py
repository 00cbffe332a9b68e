"""What training on matched pairs cannot know.

finite_worlds: finite worlds of images and captions, and the smallest loss in them
encoders: the ideal encoders, and those that reach the same loss and are blind
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "finite_worlds": "FiniteWorld finite_world merging_cost population_loss twin",
        "encoders": "ideal_encoders lookup modality_gap orbits pseudo_optimal sensitivity",
    },
)
