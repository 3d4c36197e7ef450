from pipeline.cli import main
from pipeline.running.folder.run_folder import exclusive


def test_clean_keeps_what_is_served_unless_told_otherwise(tmp_path, capsys):
    for name in ("artifacts/Trainer/model/1/saved_model.pb", "metadata.sqlite", "serving/taxi/7/saved_model.pb"):
        (tmp_path / "taxi" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "taxi" / name).write_text("x")
    words = ["clean", "--set", f"runs={tmp_path}"]
    with exclusive(tmp_path / "taxi"):
        assert main(words) == 1
    assert "another run uses" in capsys.readouterr().err
    assert main(words) == 0
    assert [path.name for path in (tmp_path / "taxi").iterdir()] == ["serving"]
    assert f"stays in {tmp_path}/taxi/serving/taxi (--served removes it, too)" in capsys.readouterr().out
    assert main([*words, "--served"]) == 0
    assert list((tmp_path / "taxi").iterdir()) == []


def test_nothing_to_clean_is_no_error(tmp_path):
    assert main(["clean", "--set", f"runs={tmp_path}/none"]) == 0
