"""Scenes of the book's worlds as files, for the small versions of the benchmarks and for `labclip draw`."""

from pathlib import Path

from PIL import Image
from torchvision.transforms.functional import to_pil_image

from labclip_lib.base.files import write_atomically, write_json, write_text

# A file that marks a folder as holding toys, not the published data.
TOY = "TOY.txt"


def mark_toys(root):
    """Mark a folder of data as holding the book's scenes, so that no table of them stands for a paper's."""
    write_text(Path(root, TOY), "Coloured shapes in the formats of the benchmarks, not the benchmarks themselves.\n")


def save_pictures(scenes, paths, size=64):
    """Render N Scenes into N image files, each whole or not there; a path's suffix decides the format."""
    for start in range(0, len(paths), 1024):
        pixels = scenes[start : start + 1024].render(size)
        for image, path in zip(pixels, paths[start : start + 1024], strict=True):
            path = Path(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            image, form = to_pil_image(image.clamp(0, 1)), Image.registered_extensions()[path.suffix]
            write_atomically(path, lambda part, image=image, form=form: image.save(part, form))


def write_once(path, data):
    """Write data as JSON, whole or not at all, unless the file exists."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, data)
