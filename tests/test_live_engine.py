"""The build puts the live engine into the site."""

from types import SimpleNamespace

from labclip_lib.book.live.export import SCRIPTS


def test_the_site_gets_the_engine(load_tool, tmp_path):
    heard = {}
    tool = load_tool("live_engine")
    tool.setup(SimpleNamespace(connect=heard.__setitem__))
    build = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    heard["build-finished"](build, None)
    names = {path.name for path in (tmp_path / "_static" / "live").iterdir()}
    assert names == {"image.bin", "text.bin", *(path.name for path in SCRIPTS.iterdir())}


def test_a_failed_build_and_one_without_pages_get_nothing(load_tool, tmp_path):
    write = load_tool("live_engine").write
    write(SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html")), RuntimeError())
    write(SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="latex")), None)
    assert not list(tmp_path.iterdir())
