"""Where one matrix stops: experiments on what LABCLIP can no longer do.

more_objects: how far binding reaches when a scene holds more objects
trainings: one experiment on several PocketCLIPs, kept as one table
relations: relations, sizes, counts and negation, before and after LABCLIP
search: is there a red circle among red squares and blue circles?
crossed_negatives: which kind of hard negative teaches which
which_tower: which tower forgot: one tower repaired, or both
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "trainings": "over_seeds",
        "search": "conjunctive_search search_ceilings search_scenes",
    },
)
