"""From pictures and captions to tables of numbers.

embed: embedding in batches
feed: embedding a source shard by shard, its images read by several processes
tars: WebDataset tars as a source
sources: sources to embed: folders, captions, pairs, tars
shards: embeddings on disk, in shards that survive an interruption
tables: a reader's own embeddings and labels
real_clip: the photos and real embeddings that chapter 1 shows
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "embed": "embed_images embed_texts",
        "feed": "text_ids",
        "shards": "embed_source load_shards",
        "sources": "open_source",
        "tables": "load_tables",
        "real_clip": "load_real_clip",
    },
)
