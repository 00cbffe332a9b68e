import pytest
from PIL import Image

from labclip_lib.benchmarks.records import Record, check_records, field_of, picture, read_csv, read_json, text_of, typed
from labclip_lib.models.image_files import Picture


@pytest.fixture
def records(tmp_path):
    out = []
    for key in "abc":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{key}.png")
        out.append(Record(key, Picture(str(tmp_path / f"{key}.png")), ("a cat",), ("a dog",)))
    return out


class TestChecked:
    def test_sound_records_come_back(self, records):
        assert check_records(records, "cola") is records

    def test_a_key_twice(self, records, raises_saying):
        with raises_saying(ValueError, "cola", "'b' twice"):
            check_records([*records, records[1]], "cola")

    def test_no_item(self, raises_saying):
        with raises_saying(ValueError, "cola holds no item"):
            check_records([], "cola")

    def test_missing_images_are_counted_and_the_way_to_get_them_told(self, records, tmp_path, raises_saying):
        gone, lost = (Picture(str(tmp_path / name)) for name in ("gone.png", "lost.png"))
        records += [records[0]._replace(key="d", image=gone), records[0]._replace(key="e", other_image=lost)]
        with raises_saying(ValueError, "2 of the 5 images of cola", "gone.png", "python -m labclip_lib get cola"):
            check_records(records, "cola")


class TestFiles:
    def test_json(self, tmp_path):
        (tmp_path / "a.json").write_text('{"0": {"caption": "café"}}', encoding="utf-8")
        assert read_json(tmp_path / "a.json", "cola") == {"0": {"caption": "café"}}
        (tmp_path / "a.json").write_text('{"0": 1}', encoding="utf-8-sig")
        assert read_json(tmp_path / "a.json", "cola") == {"0": 1}

    @pytest.mark.parametrize(
        ("content", "seen"),
        [
            (b"{", ["not valid JSON"]), (b"\xff\xfe{}", ["not valid JSON"]),
            (b'{"0": 1, "1": 2, "0": 3}', ["'0' twice"]), (b'{"a": {"b": 1, "b": 2}}', ["'b' twice"]),
        ],
    )  # fmt: skip
    def test_json_that_is_none(self, tmp_path, content, seen, raises_saying):
        (tmp_path / "a.json").write_bytes(content)
        with raises_saying(ValueError, "a.json", *seen):
            read_json(tmp_path / "a.json", "cola")

    @pytest.mark.parametrize("read", [read_json, read_csv])
    def test_missing(self, tmp_path, read, raises_saying):
        with raises_saying(ValueError, "There is no", "none.json", "get cola"):
            read(tmp_path / "none.json", "cola")

    def test_csv(self, tmp_path):
        (tmp_path / "a.csv").write_text('\ufeffname,said\n1.jpg,"one, two"\n', encoding="utf-8")
        assert read_csv(tmp_path / "a.csv", "clevr", ["name"]) == [(2, {"name": "1.jpg", "said": "one, two"})]
        assert read_csv(tmp_path / "a.csv", "clevr", header=False)[1] == (2, ["1.jpg", "one, two"])

    @pytest.mark.parametrize(
        ("content", "seen"),
        [
            ("name,sayd\n1,2\n", ["no column 'said'", "name, sayd"]),
            ("", ["no row"]),
            ('name,said\n1,"2\n', ["a quote that opens in line 2"]),
            ("name,said,name\n1,2,3\n", ["'name' twice"]),
            ("name,said\n1,2\n3,4,5\n", ["Line 3 of", "more fields"]),
            ("name,said\n1\n", ["Line 2 of", "no said"]),
        ],
    )
    def test_csv_of_another_form(self, tmp_path, content, seen, raises_saying):
        (tmp_path / "a.csv").write_text(content)
        with raises_saying(ValueError, "a.csv", *seen):
            read_csv(tmp_path / "a.csv", "clevr", ["name", "said"])


class TestFields:
    def test_a_field_of_another_name(self, raises_saying):
        with raises_saying(ValueError, "f.json", "item 3", "'caption'", "'captions'"):
            field_of({"captions": 1}, "caption", "f.json", "item 3")
        with raises_saying(ValueError, "'caption'", "x, y"):
            field_of({"x": 1, "y": 2}, "caption", "f.json", "item 3")

    def test_kinds(self, raises_saying):
        assert typed({}, dict, "f.json", "the file") == {} and text_of({"a": "b"}, "a", "f.json", "item 0") == "b"
        with raises_saying(ValueError, "f.json", "the file", "not a dict"):
            typed([1], dict, "f.json", "the file")
        with raises_saying(ValueError, "the 'a' of item 0", "not a str"):
            text_of({"a": 1}, "a", "f.json", "item 0")

    def test_an_image_has_a_plain_name(self, tmp_path, raises_saying):
        assert picture(tmp_path, "images", "1_a-b.jpg", "f.json", "item 0").path == str(
            tmp_path / "images" / "1_a-b.jpg"
        )
        for name in ("../1.jpg", "/1.jpg", "a\\1.jpg", "", "..", ".hidden"):
            with raises_saying(ValueError, "f.json", "item 0", repr(name)):
                picture(tmp_path, "images", name, "f.json", "item 0")
