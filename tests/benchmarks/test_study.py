"""Studies: what is done stays done."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from warmrl.benchmarks.study import QuickStudy, Study, run_study
from warmrl.processes import Pool
from warmrl.sweeps.rows import read_rows
from warmrl.tests.benchmarks.noted import Noted


def jobs(seeds: Sequence[int], folder: Path) -> list[Noted]:
    return [Noted(seed, folder / "notes") for seed in seeds]


def test_only_what_is_missing_runs(tmp_path: Path) -> None:
    run_study("it", jobs([3, 1], tmp_path), tmp_path)
    rows = run_study("it", jobs([0, 1, 2, 3], tmp_path), tmp_path)
    assert [row["seed"] for row in rows] == [0, 1, 2, 3]
    assert (tmp_path / "notes").read_text().split() == ["3", "1", "0", "2"]
    assert rows[1] == {"group": "odd", "seed": 1, "key": "1"}


def test_a_torn_line_is_run_again_and_tears_no_other(tmp_path: Path) -> None:
    run_study("it", jobs([0, 1], tmp_path), tmp_path)
    path = tmp_path / "it.jsonl"
    path.write_text(path.read_text()[:-5])
    for _ in range(2):
        rows = run_study("it", jobs([0, 1], tmp_path), tmp_path)
        assert [row["seed"] for row in rows] == [0, 1]
    assert (tmp_path / "notes").read_text().split() == ["0", "1", "1"]


def test_a_run_that_fails_keeps_those_before(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    good = Noted(0, tmp_path / "file")
    with pytest.raises(IsADirectoryError):
        run_study("it", [good, *jobs([1], tmp_path)], tmp_path)
    (line,) = (tmp_path / "it.jsonl").read_text().splitlines()
    assert json.loads(line)["key"] == "0"


def test_at_least_one() -> None:
    with pytest.raises(ValueError, match="seeds=0 must be at least 1"):
        Study(seeds=0)
    with pytest.raises(ValueError, match="workers=0 must be at least 1"):
        Study(workers=0)


def test_side_by_side_a_failure_keeps_those_before_and_no_process_goes_on(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").touch()
    good = jobs([1, 2], tmp_path / "good")
    others = [Noted(seed, tmp_path / "file", seconds=0.1) for seed in range(3, 41)]
    (tmp_path / "good").mkdir()
    with pytest.raises(IsADirectoryError):
        run_study("it", [*good, *jobs([0], tmp_path), *others], tmp_path, partial(Pool, 2))
    assert {row["seed"] for row in read_rows(tmp_path / "it.jsonl")} & {1, 2}
    assert len((tmp_path / "file").read_text().split()) < 38
    rows = run_study("it", good, tmp_path)
    assert [row["seed"] for row in rows] == [1, 2]


def test_a_quick_study_has_few_seeds_and_files_of_its_own() -> None:
    usual, quick = QuickStudy(seeds=5), QuickStudy(seeds=5, quick=True)
    assert (usual.seeds, usual.suffix, usual.title) == (5, "", None)
    assert (quick.seeds, quick.suffix) == (2, "-quick")
    assert "quick" in (quick.title or "")


def test_a_cluster_needs_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("warmrl.checks.find_spec", lambda name: None)
    study = Study(results=tmp_path, ray="local")
    with pytest.raises(SystemExit) as stopped:
        study.rows("it", jobs([0], tmp_path))
    assert stopped.value.code == 2
    assert "pip install 'warmrl[ray]'" in capsys.readouterr().err
