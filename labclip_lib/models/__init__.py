"""Every CLIP behind one face, and how PocketCLIP was made.

image_files: reading any image as RGB
tokenizer: PocketCLIP's words and their ids
pocket: PocketCLIP's weights, their checksum, its architecture (weights/pocket.json, a small ResNet) and checkpoints
recipes: what determines a PocketCLIP, and the recipes of the shipped ones by name
pretrained: finding, checking and downloading open_clip's pretrained models
backbones: `load_backbone`: PocketCLIP and any open_clip model behind one interface
losses: InfoNCE, and InfoNCE with hard negatives
chunked: the same losses in less memory and over several processes
pretraining: the loop that made PocketCLIP
"""

from labclip_lib.base.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "backbones": "Backbone load_backbone random_init_encoder",
        "pocket": "verify_weights",
        "losses": "hard_negative_info_nce info_nce",
        "recipes": "RECIPES Recipe",
        "pretraining": "Trainer pretrain",
    },
)
