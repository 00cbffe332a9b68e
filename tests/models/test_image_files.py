import io

import numpy as np
import pytest
import torch
from embeddable import png, tar
from PIL import Image, ImageCms

from labclip_lib.models.image_files import FORMATS, SUFFIXES, Picture, as_rgb, looks_like_a_picture, to_rgb

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
TALL = Image.open(io.BytesIO(png(0, (6, 4)))).convert("RGB")


def pixels(image):
    return np.asarray(image).astype(int)


def turned(image, orientation):
    """The image as a camera would store it that was held so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = image.transpose(Image.Transpose(undo[orientation])) if orientation in undo else image
    return stored, exif


class TestModes:
    @pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK", "YCbCr", "HSV", "P", "RGBX"])
    def test_what_is_opaque_and_of_eight_bits_is_as_the_clip_projects_have_it(self, mode):
        image = TALL.convert(mode)
        assert to_rgb(image).mode == "RGB" and to_rgb(image).tobytes() == image.convert("RGB").tobytes()

    @pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N"])
    def test_of_sixteen_bits_the_upper_eight_count(self, mode):
        order = ">u2" if mode.endswith("B") else "<u2"
        image = Image.frombytes(mode, (6, 4), (GREY.astype(order) * 256 + 77).astype(order).tobytes())
        assert (pixels(to_rgb(image)) == GREY[..., None]).all()

    @pytest.mark.parametrize(
        ("values", "like"),
        [(GREY.astype(np.int32), GREY), (GREY.astype(np.int32) * 256 + 9, GREY), (GREY.astype(np.float32), GREY),
         (GREY.astype(np.float32) / 255, GREY), (GREY.astype(np.float32) * 256, GREY)],
    )  # fmt: skip
    def test_wide_modes_are_taken_by_their_range(self, values, like):
        assert (pixels(to_rgb(Image.fromarray(values))) == like[..., None]).all()

    @pytest.mark.parametrize("value", [-1, 65536, float("nan"), float("inf")])
    def test_values_that_are_no_brightness(self, value, raises_saying):
        image = Image.fromarray(np.full((4, 6), value, np.float32))
        with raises_saying(ValueError, "mode F, 6 x 4", "scale them to 0 to 255"):
            as_rgb(image)

    def test_lab(self):
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(TALL, srgb, lab, outputMode="LAB")
        assert np.abs(pixels(to_rgb(image)) - pixels(TALL)).mean() < 4


class TestTransparency:
    @pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La", "PA"])
    def test_what_lies_under_it_is_not_seen(self, mode):
        image = TALL.convert("RGBA")
        image.putalpha(Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8).T.copy()))
        image = image.convert("P").convert("PA") if mode == "PA" else image
        image = image.convert("LA") if mode == "La" else image
        if mode == "PA":
            image.putalpha(Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8).T.copy()))
        seen, opaque = pixels(to_rgb(image.convert(mode))), GREY.T > 100
        assert (seen[~opaque] == 255).all()
        want = pixels(TALL.convert("L").convert("RGB") if mode in ("LA", "La") else TALL)
        assert mode == "PA" or (seen[opaque] == want[opaque]).all()

    def test_half_of_it_is_half_white(self):
        assert to_rgb(Image.new("RGBA", (1, 1), (255, 0, 1, 128))).getpixel((0, 0)) == (255, 127, 128)

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16"])
    def test_a_colour_may_stand_for_it(self, mode):
        image = Image.fromarray(np.uint16([[0, 40000]])) if mode == "I;16" else Image.new(mode, (2, 1))
        image.putpixel((1, 0), (9, 9, 9) if mode == "RGB" else 1 if mode in "1P" else 40000 if mode == "I;16" else 200)
        data = io.BytesIO()
        image.save(data, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0)
        seen = to_rgb(Image.open(data))
        assert seen.getpixel((0, 0)) == (255, 255, 255) != seen.getpixel((1, 0)) or mode == "1"
        assert seen.getpixel((0, 0)) == (255, 255, 255)

    def test_who_wants_the_colours_under_it_gives_them(self):
        """As the CLIP projects have them, whose published numbers may rest on them."""
        clear = TALL.convert("RGBA")
        clear.putalpha(0)
        assert to_rgb(clear.convert("RGB")).tobytes() == TALL.tobytes() != to_rgb(clear).tobytes()

    def test_an_opaque_picture_keeps_its_pixels(self):
        assert to_rgb(TALL.convert("RGBA")).tobytes() == TALL.tobytes()


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
    def test_a_picture_stands_upright(self, tmp_path, orientation, form):
        stored, exif = turned(TALL, orientation)
        path = tmp_path / f"a.{form.lower()}"
        stored.save(path, form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
        seen = Picture(str(path)).read()
        assert seen.size == TALL.size and seen.tobytes() == TALL.tobytes()
        assert to_rgb(seen).tobytes() == seen.tobytes()  # and is not turned twice

    def test_a_box_is_of_the_pixels_as_they_are_stored(self, tmp_path):
        stored, exif = turned(TALL, 6)
        stored.save(tmp_path / "a.png", exif=exif)
        seen = Picture(str(tmp_path / "a.png"), box=(0, 0, 2, 3)).read()
        assert seen.tobytes() == stored.crop((0, 0, 2, 3)).transpose(Image.Transpose.ROTATE_270).tobytes()

    def test_damaged_notes_do_no_harm(self, tmp_path):
        TALL.save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
        assert Picture(str(tmp_path / "a.png")).read().tobytes() == TALL.tobytes()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(tmp_path, form):
    red, blue = (Image.new("RGB", (8, 8), color) for color in ("red", "blue"))
    lossless = {"lossless": True} if form == "WEBP" else {}
    red.save(tmp_path / "a", form, save_all=True, append_images=[blue], **lossless)
    assert Picture(str(tmp_path / "a")).read().getpixel((3, 3)) == (255, 0, 0)
    with Image.open(tmp_path / "a") as opened:
        opened.seek(1)
        assert to_rgb(opened).getpixel((3, 3)) == (0, 0, 255)


def files(tmp_path):
    """Pictures of many kinds, by name: their paths."""
    grey16 = Image.fromarray(GREY.astype(np.uint16) * 256)
    stored, exif = turned(TALL, 6)
    clear = TALL.convert("RGBA")
    clear.putalpha(100)
    wide = Image.fromarray(GREY.astype(np.float32))
    kinds = {
        "1.png": TALL.convert("1"), "grey.png": TALL.convert("L"), "grey16.png": grey16, "p.png": TALL.convert("P"),
        "clear.png": clear, "cmyk.jpg": TALL.convert("CMYK"), "wide.tiff": wide, "grey16.tif": grey16,
        "two.gif": TALL.convert("P"), "a.webp": clear, "a.bmp": TALL,
    }  # fmt: skip
    if "AVIF" in FORMATS:
        kinds["a.avif"] = clear
    for name, image in kinds.items():
        image.save(tmp_path / name)
    stored.save(tmp_path / "turned.jpeg", exif=exif)
    return sorted(tmp_path.iterdir())


def test_path_opened_image_folder_and_tar_give_one_embedding_and_one_entry_of_a_cache(tiny, tmp_path):
    (tmp_path / "in").mkdir()
    paths = files(tmp_path / "in")
    want = tiny.encode_images(paths)
    assert torch.equal(tiny.encode_images([Image.open(path) for path in paths]), want)
    assert torch.equal(tiny.encode_images([Picture(str(path)).read() for path in paths]), want)
    for path, row in zip(paths, want, strict=True):
        packed = tar(tmp_path / "a.tar", {"k" + path.suffix: path.read_bytes()})
        first = packed.read_bytes().index(path.read_bytes())
        image = Picture(str(packed), "k", first, path.stat().st_size).read()
        assert torch.equal(tiny.encode_images([image])[0], row) or torch.allclose(tiny.encode_images([image])[0], row)


def test_a_frame_is_not_taken_for_its_file(tiny, tmp_path):
    red, blue = (Image.new("RGB", (8, 8), color) for color in ("red", "blue"))
    red.save(tmp_path / "a.gif", save_all=True, append_images=[blue])
    opened = Image.open(tmp_path / "a.gif")
    opened.seek(1)
    kept = [tiny.encode_images([it]) for it in (tmp_path / "a.gif", opened)]
    assert not torch.allclose(*kept)


def test_every_ending_is_of_a_format_that_is_read(tmp_path):
    known = Image.registered_extensions()
    assert {known[suffix] for suffix in SUFFIXES if suffix in known} == set(FORMATS)


def test_a_picture_is_known_by_its_first_bytes(tmp_path):
    for name, data, looks in (
        ("a", png(0), True),
        ("b", b"text", False),
        ("c", b"", False),
        ("d", b"%!PS-Adobe-3.0 EPSF-3.0\n", False),
    ):
        (tmp_path / name).write_bytes(data)
        assert looks_like_a_picture(tmp_path / name) is looks


def test_an_image_that_cannot_be_loaded_is_told(tmp_path, raises_saying):
    (tmp_path / "a.png").write_bytes(png(0)[:-300])
    with raises_saying(ValueError, "mode RGB, 32 x 40", "truncated"):
        as_rgb(Image.open(tmp_path / "a.png"))
    with raises_saying(ValueError, "no image at", "gone.png", "No such file"):
        as_rgb(tmp_path / "gone.png")


def test_real_photos_are_as_the_clip_projects_have_them(real_data):
    for path in (real_data / "real_clip_vitb32" / "photos").iterdir():
        assert as_rgb(path).tobytes() == Image.open(path).convert("RGB").tobytes()
