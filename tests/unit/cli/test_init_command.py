"""``poster init``: the application outside a clone."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from poster.cli.main import main
from poster.deploy import subject


def test_init_writes_the_application_that_an_experiment_deploys(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init", str(tmp_path / "app")])
    assert result.exit_code == 0
    written = {path.name for path in (tmp_path / "app").iterdir()}
    assert written == set(subject.SUBJECT_FILES)
    assert not list((tmp_path / "app").rglob("__pycache__"))
    assert f"cd {tmp_path / 'app'} && poster experiment" in result.output


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text("mine")
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (
        5,
        f"Error: {tmp_path}/template.yaml is there already: choose another folder\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["template.yaml"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(main, ["init", str(tmp_path / "file" / "app")])
    assert result.exit_code == 5
    assert f"cannot write into {tmp_path}/file/app" in result.stderr
