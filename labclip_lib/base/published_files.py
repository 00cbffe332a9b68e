"""The published files that the book reads but does not ship: their places on disk, addresses and checksums.

Nothing is downloaded here; `python -m labclip_lib get texts` does that on request.
"""

import os
from pathlib import Path

from labclip_lib.base.files import sha256
from labclip_lib.base.messages import did_you_mean

_HOST = "https://raw.githubusercontent.com"
# (folder below the folder of all data, repository/commit/folder there, {file: SHA-256}).
_PUBLISHED = (
    ("sugarcrepe", "RAIVNLab/sugar-crepe/0047054b243992f0fad63d6f64f7544862daf846/data", {
        "add_att.json": "012d88d729693d193760e6f3393b06a1cf874380a9db0062e937201199fe044d",
        "add_obj.json": "1b9d76b93139a937b8dc1ada92a4f05ecc821bb3c291d752428bafadd4bb0682",
        "replace_att.json": "9fe55fd4c0a9ad1f85d486d9f6d0215b41f867eb025026e7f7b5ce44352545ee",
        "replace_obj.json": "9d299600639947e9d15281a9ded1382b376cf4ea088a8d08a1314bfe76e81898",
        "replace_rel.json": "356bcc2fc4c6aed3f4d9fd50acc58489bb1fe70c28791f9368d4cbf9ea39cdc9",
        "swap_att.json": "7a7ce04e5c4c80412b48c6f0c1347fb1a2f5d54c0be6aa429b64d390e442f8d0",
        "swap_obj.json": "073cdb8e253d053614e80710834d9773b09dbc1dd0a412f6f9492262caa1dcad",
    }),
    ("sugarcrepe_pp", "Sri-Harsha/scpp/c083bbf039a5ca215acaf25e7ee736d2ea6f3864/data", {
        "replace_att.json": "6826413592894754eeca02aeebbcbbc8b95a7456998abcc714e71c033ce6fe87",
        "replace_obj.json": "5c6dc499ec8f511a8aa4ec1b7b5eb0eca90317488abe36ec39573355e2d361ab",
        "replace_rel.json": "040fb95d3f0619bf515db60879e99709a87a5e9b4f524ec3403b127243480fd4",
        "swap_att.json": "450d0fd9fcad3e6f44950dc634e7f901ab1c6d9c60a569ade5ae8ffb3d203ad8",
        "swap_obj.json": "5f33cae824de431a7ecd3c5de6301f689815f9497aa36d96b154bbaf117b201b",
    }),
    ("valse", "Heidelberg-NLP/VALSE/2152d90d4aecd11f7f74cf03420abcb63efff9c5/data", {
        "actant-swap.json": "915294ac3ade7c4c067b1c6841d0db93b60cb8a61ac8e2fb6b125c2a1c0ca93a",
        "action-replacement.json": "336ba134f29a3475d0508809067218909a6bd30f079c59309d19244eccb7917f",
        "coreference-hard.json": "ef54d8d971d9e0f264e07de08d9915c6e3d6129a2f239888f2b938f5c2eb4139",
        "coreference-standard.json": "dae1d9eb018acb54e29a1c4983f3563f86ec3b6beb4037a261564270b0473e95",
        "counting-adversarial.json": "0d23529308449c98b37a91048a865a5f377325eceb9accd73f2947bc512d12b0",
        "counting-hard.json": "2cc83615653675fb50914ce2d8ab4041cce1278eed7ac0abf6f319dbce5c967a",
        "counting-small-quant.json": "ca0645885b05738f6c6df2dffec70c669aaff64114017f33425821faab4bc374",
        "existence.json": "b20fca52eba86c544083d423345a2e28e60e601ef61c56c9ac1c73a95a3a6d18",
        "foil-it.json": "6f6f0d7494271ed28f6e6f075c3ba36ba1bc45d00ecf7403920f060915130460",
        "plurals.json": "43760db7fc8c6f2a21d3536d52f81539cb101f3370e8d2effb09de43d91486a3",
        "relations.json": "061fc557459c318ccd6734d07c21cfa5bf5ae87aa6b1110b8f5ec3d6b2911043",
    }),
    ("cola", "arijitray1993/COLA/1fa52fba9cff4e6ffb7bfcf3550838748347273b/data", {
        "COLA_multiobjects_matching_benchmark.json": "e2846dcc958e3277813ca572bce53db96fd5dd65caaa57ccd20dc1ce51d73ec0",
    }),
    ("aro", "mertyg/vision-language-models-are-bows/81fdd20dc5b6f434aa5a4a971717bc80d1cedb0d/temp_data", {
        "valid_neg_clip.tsv": "a9d00160062384faa2423df728ee3c15db05503fcbb28c212de11a6c8741eff4",
    }),
    ("bivlc", "IMirandaM/BiVLC/84f0d1751e7212d97cdeaeb01353862c09908bcb/results", {
        "BiVLC_ViT-B-32.csv": "a16d196aa1ad012f826b002fc59df56926ab08bed68eae33f96ceec5cdb48c82",
        "SUGARCREPE_CORRECT_CLIP_COCO.csv": "fa2a1b8a8d1040ebc4db6b94d5cf9d32a70a5a1fe394f866d5c7bc5ef0d3bda8",
        "SUGARCREPE_CORRECT_CLIP_TROHN-Text.csv": "412972732dec0be3a79e615b1e71bbf8f1097cf02e247741889d8297cb2346e7",
        "SUGARCREPE_CORRECT_ViT-B-32.csv": "91a6086987a7870ed5d5dcd2db287b5cbe477edb4ba54c5faed89d5cb9497db8",
    }),
    ("vl_compo", "ytaek-oh/vl_compo/43e2eae0474c686d99ab463232ec6fa0fb9a8852", {
        "individual_results.csv": "732af73af35f7e0b10c7cd58709b54504f95d2778b74193f8be58d13bafc5da5",
    }),
    ("real_clip_vitb32", "facebookresearch/Detic/436cda2a2347df60a7c66daca0e8c59f93dc5e79/datasets/metadata", {
        "lvis_text_embeddings.npy": "16059f1fe5f7d857273d16a1b7c6d6141a88d133e99a107be5065f42311da0f8",
        "names.json": "2736c91fce0dc2d7c44faabc5f66fecf6603cbf559d0a9c046f49e658835825c",
    }),
    ("real_clip_vitb32", "99991/NPCLIP/28bbf32c06fe147c86b0ff368a9dd34c947e76eb/data", {
        "golden_image.png": "308a3ca4503f1c7a07803916c369d78c4ef501e5ab7fc727da9b5e1d2f9ec85b",
        "golden_image.npy": "cd6b67bc099b96db7249b8e627b8da9b2ba5613ff22ef5fdcd78f3535171a8f1",
        "golden_text.npy": "49f7d6bc08ab392a9c853fbce3c35527282d1d2539228eba41ad4500549ea37e",
    }),
    ("real_clip_vitb32/photos",
     "rom1504/clip-retrieval/b05533561e801db4fcfb5af0743321e8654f2f01/tests/test_clip_inference/test_images", {
        "123_456.jpg": "beea717fb5569319864dca6154a44b0553dc0c62d71fc43270e7269b18b493b6",
        "208_495.jpg": "03d43e85412749012167dd51230d6bbf64056e453200bd2da37e889859713d69",
        "416_264.jpg": "bd7bbdd187bc8b065014a8dd71e60b4f455d8670d415b8f9e8a7b1fffb9a2367",
        "456_123.jpg": "20c11f700edf1093a136845dde7a2f6db2aec4c2f734138dbb8adb79698790e7",
        "321_421.jpg": "e5ddc3f7d6a0f4ab6b81a31179251773cfb14ad15879e2bcc1493180192734c6",
        "389_535.jpg": "e7408a4d9d68840939df3cf3ce7804916414e99a46072db6ef506726a0a5bd9e",
        "524_316.jpg": "12a4701d1c6fc59e7f6ba9ff024116c287e9cb4485a5b4146ac4ac850d4407f8",
    }),
)  # fmt: skip
# Below real_clip_vitb32: our file name -> the publisher's, where they differ.
_UPSTREAM = {
    "lvis_text_embeddings.npy": "lvis_v1_clip_a+cname.npy",
    "names.json": "lvis_v1_train_cat_info.json",
    "golden_image.png": "CLIP.png",
    "golden_image.npy": "image_features.npy",
    "golden_text.npy": "text_features.npy",
}
# Path below the folder of all data, with / between -> its address.
ADDRESSES = {
    f"{folder}/{name}": f"{_HOST}/{place}/{_UPSTREAM.get(name, name)}"
    for folder, place, files in _PUBLISHED
    for name in files
}
# The same -> its SHA-256. The embeddings of the photos are published as pickles, which are unsafe to open; a reader who
# has them as a table may put it there. Without it the book shows the numbers it keeps.
PINNED = {f"{folder}/{name}": digest for folder, _, files in _PUBLISHED for name, digest in files.items()} | {
    "real_clip_vitb32/photo_embeddings.npy": "4729e3e8a61d5f350127cbf68f0ad9a71461805e368d0ff760d357ab7f3d280e",
}


def data_folder():
    """The folder of all data: LABCLIP_DATA, else LABCLIP_CACHE, else ~/.cache/labclip (below XDG_CACHE_HOME if set)."""
    named = os.environ.get("LABCLIP_DATA") or os.environ.get("LABCLIP_CACHE")
    return Path(named or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "labclip")).expanduser()


def at_hand(*names):
    """Whether all of these files are present below `data_folder()`, as they were published.

    names: keys of PINNED. Raises ValueError for any other name, and for a file whose checksum differs.
    """
    return all([_find(name) is not None for name in names])  # a list: every file is checked, so a damaged one raises


def pinned_file(name):
    """The path of a published file below `data_folder()`, its checksum verified. name: a key of PINNED.

    Raises ValueError when the file is missing or its checksum differs, and for any other name.
    """
    path = _find(name)
    if path is None:
        raise ValueError(f"{data_folder()} holds no {name}; fetch it with `python -m labclip_lib get texts`.")
    return path


def _find(name):
    if name not in PINNED:
        raise ValueError(
            f"There is no pinned file {name!r}; {did_you_mean(name, PINNED, otherwise='choose a key of PINNED.')}"
        )
    path = data_folder() / name
    if not path.is_file():
        return None
    if sha256(path) != PINNED[name]:
        raise ValueError(
            f"{path} has a wrong checksum; delete it, and fetch it anew with `python -m labclip_lib get texts`."
        )
    return path
