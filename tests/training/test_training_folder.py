"""The run folder: found impossible before anything is done, gone when nothing comes of it."""

import os
from pathlib import Path

import pytest

from warmrl.training import RunFolder


def test_checking_makes_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path / "a" / "b").check_free()
    RunFolder(tmp_path).check_free()
    assert list(tmp_path.iterdir()) == []


def test_taken_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"run_dir='.*file' is a file; it must be a new"):
        RunFolder(tmp_path / "file").check_free()
    with pytest.raises(FileExistsError, match="exists; it must be a new folder .*--resume"):
        RunFolder(tmp_path).check_free()
    with pytest.raises(NotADirectoryError, match=r"cannot be made: .*file is a file"):
        RunFolder(tmp_path / "file" / "run").check_free()


def test_a_place_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever runs the tests may be allowed everything.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for check in (RunFolder(tmp_path / "run").check_free, RunFolder(tmp_path).check_writable):
        with pytest.raises(PermissionError, match=f"be written: no permission in {tmp_path}"):
            check()


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(Path("runs/a"))
    folder.check_free()
    folder.claim()
    assert (tmp_path / "runs" / "a").is_dir()
    folder.discard()
    assert list(tmp_path.iterdir()) == []


def test_discarding_leaves_what_others_made(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path / "runs" / "a"), RunFolder(tmp_path / "runs" / "b")
    first.claim()
    second.claim()
    (first.path / "progress.csv").touch()
    first.discard()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]
    own = tmp_path / "own"
    own.mkdir()
    given = RunFolder(own)
    given.claim()
    given.discard()
    assert own.is_dir()
