"""Where one matrix stops: experiments on what LABCLIP can no longer do.

capacity: is linear enough? maps and towers that can do less or more than LABCLIP, at equal data
lora: LoRA on the towers of a PocketCLIP
trainings: one experiment on several PocketCLIPs, kept as one table
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "capacity": "capacities",
        "trainings": "over_seeds",
    },
)
