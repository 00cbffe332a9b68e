"""Scenes of the book's world as files, for the small versions of the benchmarks that `write_toy` functions make."""

from pathlib import Path

from torchvision.transforms.functional import to_pil_image

from labclip_lib.base.files import write_json


def save_pictures(scenes, paths, size=64):
    """Render N Scenes into N image files; a path's suffix decides the format."""
    for start in range(0, len(paths), 1024):
        pixels = scenes[start : start + 1024].render(size)
        for image, path in zip(pixels, paths[start : start + 1024], strict=True):
            path = Path(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            to_pil_image(image.clamp(0, 1)).save(path)


def write_once(path, data):
    """Write data as JSON, whole or not at all, unless the file exists."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, data)
