from labclip_lib.__main__ import main


def test_what_is_there_and_what_is_missing(tmp_path, capsys):
    folder = tmp_path / "my data"
    assert main(["get", "--data", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "\npug_spare      0 of 5   not published   CC BY-NC 4.0" in shown and len(shown.splitlines()) < 16
    assert f"Data are in {folder}. `python -m labclip_lib get NAME --data '{folder}'` says more" in shown


def test_what_was_fetched_by_hand_is_taken(tmp_path):
    (tmp_path / "output_2obj.csv").write_text("a.png,cube,red,sphere,blue\n")
    data = tmp_path / "data"
    main(["get", "clevr", "--data", str(data), "--from", str(tmp_path / "output_2obj.csv"), "--yes"])
    assert (data / "clevr" / "output_2obj.csv").read_text() == "a.png,cube,red,sphere,blue\n"


def test_what_can_only_be_fetched_by_hand(tmp_path):
    assert main(["get", "clevr", "--data", str(tmp_path), "--yes"]) == 1


def test_mistakes_are_one_sentence(tmp_path, mistake):
    assert "did you mean 'cola'?" in mistake("get", "colla", "--data", str(tmp_path))
    assert "There is no nowhere" in mistake("get", "texts", "--from", "nowhere", "--data", str(tmp_path))
    assert "--from goes with a name" in mistake("get", "--from", "nowhere")
    assert "--yes goes with a name" in mistake("get", "--yes")
    assert "it takes no '--out'" in mistake("get", "cola", "--out", str(tmp_path))
