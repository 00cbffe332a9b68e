"""What everything else stands on; it knows nothing of CLIP.

doors: names that load when they are first used
threads: how many threads the numerical libraries start, and that an idle one sleeps
files: files that are never half written; checksums; a full disk in one sentence
locks: one job at a time in a folder
messages: what an error says, in one sentence
devices: CPU or graphics card; several processes under torchrun
internet: whether there is a network, found out in a second
published_files: the published texts and embeddings: where they lie, their addresses and checksums
progress: how far long work has come: a bar for who watches, a line now and then for a file
text_files: text that people write: its encoding, and what in it shows nothing
csv_tables: tables that people write, read so that no value slips into another's place
folders: what lies in a folder, without what nobody put there to be read
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
