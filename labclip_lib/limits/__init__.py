"""Where one matrix stops: experiments on what LABCLIP can no longer do.

trainings: one experiment on several PocketCLIPs, kept as one table
more_objects: how far binding reaches when a scene holds more objects
search: is there a red circle among red squares and blue circles?
relations: relations, sizes, counts and negation, before and after LABCLIP
unseen_pairs: LABCLIP on new images, scenes, pairs and values, and fitted to scenes of a share of the pairs
unmet_pairs: towers that never met some pairs, with captions that bind or do not
object_sums: is an embedding the sum of a vector for each object?
object_vectors: arithmetic with objects, and ways from a colour and a shape to a vector
capacity: is linear enough? maps and towers that can do less or more than LABCLIP, at equal data
lora: LoRA on the towers of a PocketCLIP
crossed_negatives: which kind of hard negative teaches which
which_tower: which tower forgot: one tower repaired, or both
second_world: what chapter 5 found, in a world of solids
experiments: all of these, and how their tables are made anew
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "capacity": "capacities",
        "trainings": "over_seeds",
        "experiments": "EXPERIMENTS remake",
        "search": "conjunctive_search search_ceilings search_scenes",
        "unseen_pairs": "coverage hold_outs split_by_coverage",
        "object_sums": "embed_sides sums",
        "object_vectors": "exchange_objects from_concepts vector_tables",
    },
)
