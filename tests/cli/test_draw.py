import pytest
from PIL import Image

from labclip_lib.__main__ import main
from labclip_lib.benchmarks.formats import clevr
from labclip_lib.world.shapes import SHAPES
from labclip_lib.world.solids import SOLIDS


@pytest.mark.parametrize(
    ("more", "recipe", "shapes"), [([], "pocket", SHAPES), (["--recipe", "pocket-3d"], "pocket-3d", SOLIDS)]
)
def test_scenes_of_a_recipe_s_world(more, recipe, shapes, tmp_path, capsys):
    out = tmp_path / "my data"
    assert main(["draw", *more, "--objects", "2", "4", "--scenes", "30", "--size", "16", "--out", str(out)]) == 0
    for n in (2, 4):
        data = clevr.load(out, n)
        assert len(data) == 30 and set(data.objects) <= set(shapes)
    assert Image.open(out / "clevr" / "images_4obj" / "000029.png").size == (16, 16)
    assert f"reproduce --table probes --backbone {recipe} --data '{out}'` reads them" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["--recipe", "pocket3d"], "There is no recipe 'pocket3d'; did you mean 'pocket-3d'?"),
        (["--objects", "1"], ": --objects must be between 2 and 10, as in CLEVR, got 1."),
        (["--scenes", "0"], ": --scenes must be 1 or more, got 0."),
        (["--size", "-1"], ": --size must be 1 or more, got -1."),
        (["--solids"], "it takes no '--solids'"),
    ],
)
def test_mistakes_are_one_sentence(words, seen, tmp_path, mistake):
    assert seen in mistake("draw", *words, "--out", str(tmp_path / "new"))
    assert not list(tmp_path.iterdir())
