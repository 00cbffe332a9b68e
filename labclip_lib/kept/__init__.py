"""Numbers of published files and of long trainings, kept so that the book stands where these are not.

results: numbers that chapters show of published files where these are not at hand
trainings: tables of the long trainings, and the command that makes each
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "results": "kept needed origin",
        "trainings": "MADE_BY load_study",
    },
)
