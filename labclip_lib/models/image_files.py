"""Read any image as RGB: every mode, depth, orientation and transparency, from a file, a tar or a PIL image."""

import io
import os
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from labclip_lib.base.messages import first_line

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
# Listed, because Pillow would try every format it knows, and one of them starts Ghostscript. A file is read by its
# content, not its name: many a .jpg of the web is a GIF.
Image.init()
FORMATS = tuple(name for name in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF") if name in Image.OPEN)
ORIENTATION = 0x0112  # EXIF's tag, and what undoes its values from 2 to 8
TURNS = dict(enumerate(map(Image.Transpose, (0, 3, 1, 5, 4, 6, 2)), 2))


class Picture(NamedTuple):
    """A reference to an image: a file, or the bytes from `first` on, `size` of them, in a tar, of the sample `key`.

    box: (left, upper, right, lower), the part to crop, in pixels as stored; by default the whole image.
    """

    path: str
    key: str = ""
    first: int = 0
    size: int = -1
    box: tuple = ()

    def __str__(self):
        return f"{self.path!r}" + (f", key {self.key!r}" if self.key else "")

    def read(self):
        """The image in RGB, as `to_rgb` returns it. ValueError, in one sentence, when it cannot be read."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self.first)
                data = file.read(self.size)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                return to_rgb(opened, self.box)
        except FileNotFoundError as error:
            raise ValueError(f"There is no image at {self} ({error.strerror}); check the path.") from None
        except UnidentifiedImageError:
            why = f"it is none of {', '.join(FORMATS)}"
        except Exception as error:  # Pillow raises a dozen types for damaged files
            why = first_line(error)
        raise ValueError(f"Cannot read an image from {self}: {why}; mend it or leave it out.")


def as_rgb(image):
    """A PIL image, or the image at a path, as `to_rgb` returns it. ValueError, in one sentence, for other types."""
    if isinstance(image, (str, os.PathLike)):
        return Picture(os.fspath(image)).read()
    if not isinstance(image, Image.Image):
        kind = type(image).__name__
        raise ValueError(f"An image is a {kind}; give one tensor (N, 3, H, W), or a list of PIL images or paths.")
    try:
        return to_rgb(image)
    except Exception as error:  # Pillow raises a dozen types for damaged images
        name = f"a PIL image of mode {image.mode}, {image.width} x {image.height}"
        raise ValueError(f"Cannot read {name}: {first_line(error)}; mend it or leave it out.") from None


def to_rgb(image, box=()):
    """Convert a PIL image of any mode to how people see it: 8-bit RGB, upright, on white where it is transparent.

    The EXIF orientation is applied. Of 16 bits the upper eight are used. Mode I is taken as 8 bits if no value is above
    255, else as 16; mode F likewise, or as fractions of 1 if none is above 1. Of an animation the current frame is
    used, in a file the first. box: as in a `Picture`. Raises ValueError for values outside these ranges.

    The CLIP projects use `image.convert("RGB")`. The pixels are the same for an image with one frame, 8 bits, no
    transparency and no EXIF rotation, as nearly all photos of the benchmarks. To reproduce one of their numbers for a
    transparent image, pass that RGB image: their CLIP.png, for example, is transparent, and black once converted.
    """
    image.load()  # some formats apply the orientation here
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # the EXIF data may be damaged while the pixels are fine
        turn = None
    rgb = _opaque(image.crop(box) if box else image)
    rgb = rgb if turn is None else rgb.transpose(turn)
    rgb.info = {}  # otherwise the next reader would apply the orientation again
    return rgb


def looks_like_a_picture(path):
    """Whether a file's content begins like one of FORMATS, whatever its name."""
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except Exception:  # a format's reader may raise anything for a file of another kind
        return False


def _opaque(image):
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        grey = Image.fromarray(_eight_bits(values, image.mode))
        if isinstance(clear := image.info.get("transparency"), int):
            grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
        image = grey
    if image.mode == "LAB":
        return ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _eight_bits(values, mode):
    """Reduce the values of a grey image of more than 8 bits to (H, W) uint8."""
    if mode.startswith("I;16") and not mode.endswith("S"):
        return (values >> 8).astype(np.uint8)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (low >= 0 and high < 65536):
        raise ValueError(f"its values go from {low:g} to {high:g}, scale them to 0 to 255")
    scale = 255 if mode == "F" and high <= 1 else 1 if high <= 255 else 1 / 256
    return np.minimum(np.rint(values * scale) if scale >= 1 else values * scale, 255).astype(np.uint8)
