"""One way from any picture to RGB: every mode, depth, orientation and transparency, from a file, a tar or an image."""

import io
import os
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from labclip_lib.base.messages import first_line

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
# Named, because Pillow would try all it knows: one of them starts Ghostscript. Many a .jpg of the web is a GIF.
Image.init()
FORMATS = tuple(name for name in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF") if name in Image.OPEN)
ORIENTATION = 0x0112  # EXIF's tag, and what undoes its values from 2 to 8
TURNS = dict(enumerate(map(Image.Transpose, (0, 3, 1, 5, 4, 6, 2)), 2))


class Picture(NamedTuple):
    """Where the bytes of an image are: a file, or so many bytes of a tar, of the sample with this key.

    box: (left, upper, right, lower) in pixels as they are stored, the part that is meant; left out, all of it.
    """

    path: str
    key: str = ""
    first: int = 0
    size: int = -1
    box: tuple = ()

    def __str__(self):
        return f"{self.path!r}" + (f", key {self.key!r}" if self.key else "")

    def read(self):
        """The image as `to_rgb` has it. ValueError, in one sentence, when it cannot be read."""
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
        except Exception as error:  # for damaged files Pillow raises a dozen kinds
            why = first_line(error)
        raise ValueError(f"Cannot read an image from {self}: {why}; mend it or leave it out.")


def as_rgb(image):
    """A PIL image or the path of one, as `to_rgb` has it. ValueError, in one sentence, for any other."""
    if isinstance(image, (str, os.PathLike)):
        return Picture(os.fspath(image)).read()
    if not isinstance(image, Image.Image):
        kind = type(image).__name__
        raise ValueError(f"An image is a {kind}; give one tensor (N, 3, H, W), or a list of PIL images or paths.")
    try:
        return to_rgb(image)
    except Exception as error:  # as many kinds as there are ways of damage
        name = f"a PIL image of mode {image.mode}, {image.width} x {image.height}"
        raise ValueError(f"Cannot read {name}: {first_line(error)}; mend it or leave it out.") from None


def to_rgb(image, box=()):
    """A PIL image of any mode as people see it: RGB of 8 bits, turned upright, what is transparent on white.

    Its EXIF orientation is followed. Of 16 bits the upper eight count. Mode I is taken for 8 bits where no value is
    above 255, else for 16; mode F likewise, or for shares of 1 where none is above 1. Of an animation the frame counts
    at which the image stands, in a file the first. box: as of a `Picture`. Raises ValueError for other values.

    The CLIP projects take `image.convert("RGB")`. Where a picture has one frame, 8 bits, no transparency and no turn,
    as nearly all photos of the benchmarks, the pixels are the same. To repeat a number of theirs for a transparent one
    give that RGB image: their CLIP.png, say, has a black background, which is clear in the file.
    """
    image.load()  # some formats turn themselves upright here
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # damaged notes beside sound pixels
        turn = None
    rgb = _opaque(image.crop(box) if box else image)
    rgb = rgb if turn is None else rgb.transpose(turn)
    rgb.info = {}  # else who is given this image would turn it again
    return rgb


def looks_like_a_picture(path):
    """Whether a file begins as one of FORMATS does, whatever it is called."""
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except Exception:  # whatever a format's reader finds wrong with a file of another kind
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
    """(H, W) uint8 of the values of a grey image in more than 8 bits."""
    if mode.startswith("I;16") and not mode.endswith("S"):
        return (values >> 8).astype(np.uint8)
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (low >= 0 and high < 65536):
        raise ValueError(f"its values go from {low:g} to {high:g}, scale them to 0 to 255")
    scale = 255 if mode == "F" and high <= 1 else 1 if high <= 255 else 1 / 256
    return np.minimum(np.rint(values * scale) if scale >= 1 else values * scale, 255).astype(np.uint8)
