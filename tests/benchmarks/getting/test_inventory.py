import json

from labclip_lib.benchmarks.getting.catalog import BENCHMARKS
from labclip_lib.benchmarks.getting.inventory import holds_files, is_there, pictures_of


def test_pictures_are_there_when_each_that_is_listed_is(tmp_path):
    (part,) = (part for part in BENCHMARKS["cola"].parts if part.pictures)
    (tmp_path / part.path).mkdir(parents=True)
    (tmp_path / part.path / "1.jpg").touch()
    assert not is_there(tmp_path, part)
    (tmp_path / part.pictures).write_text(json.dumps([["https://x/1.jpg", "a", "https://x/2.jpg", "b"]]))
    assert not is_there(tmp_path, part)
    (tmp_path / part.path / "2.jpg").touch()
    assert is_there(tmp_path, part)


def test_the_published_list_of_pictures(real_data):
    (part,) = (part for part in BENCHMARKS["cola"].parts if part.pictures)
    names = pictures_of(real_data, part)
    pairs = json.loads((real_data / part.pictures).read_text(encoding="utf-8"))
    assert set(names) == {pair[k].rpartition("/")[2] for pair in pairs for k in (0, 2)}
    assert all(pair[k].startswith(part.url) for pair in pairs for k in (0, 2))


def test_what_a_system_leaves_in_a_folder_is_no_download(tmp_path):
    for name in ("__MACOSX", "Thumbs.db", ".DS_Store", "@eaDir"):
        (tmp_path / name).touch()
    assert not holds_files(tmp_path)
    (tmp_path / "1.jpg").touch()
    assert holds_files(tmp_path)
