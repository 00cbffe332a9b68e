"""Every CLIP behind one face, and how PocketCLIP was made.

image_files: one way from any picture to RGB
tokenizer: PocketCLIP's words and their ids
pocket: PocketCLIP's weights, their checksum, its config and checkpoints
pretrained: open_clip's models with their weights: found, checked, downloaded
backbones: `load_backbone`: PocketCLIP and any open_clip model behind one face
losses: InfoNCE, and with hard negatives
chunked: the same in less memory and over several processes
pretraining: the recipe and the loop that made PocketCLIP
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "backbones": "Backbone load_backbone random_init_encoder",
        "losses": "hard_negative_info_nce info_nce",
        "pretraining": "Recipe Trainer pretrain",
    },
)
