"""Where one matrix stops: experiments on what LABCLIP can no longer do.

trainings: one experiment on several PocketCLIPs, kept as one table
crossed_negatives: which kind of hard negative teaches which
which_tower: which tower forgot: one tower repaired, or both
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "trainings": "over_seeds",
    },
)
