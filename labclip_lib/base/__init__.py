"""What everything else stands on; it knows nothing of CLIP.

doors: names that load when they are first used
threads: how many threads the numerical libraries start, and that an idle one sleeps
files: files that are never half written; checksums; a full disk in one sentence
locks: one job at a time in a folder
messages: short error messages, and suggestions for an unknown name
devices: CPU or graphics card; several processes under torchrun
internet: whether a server can be reached, answered within seconds
published_files: the published texts and embeddings: where they lie, their addresses and checksums
progress: progress of long work: a bar in a terminal or notebook, a line now and then in a log file
text_files: text that people write: its encoding, and characters that show nothing
csv_tables: CSV and TSV tables: people's are read strictly, so that no value ends up in the wrong place
folders: the files of a folder and its subfolders, without hidden and system files
old_paths: the import paths of earlier versions, and what to write instead
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "published_files": "at_hand data_folder",
        "devices": "pick_device",
    },
)
