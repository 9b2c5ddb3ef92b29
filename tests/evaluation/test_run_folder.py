"""What evaluation reads from a run folder and writes into it."""

import json
from pathlib import Path

import pytest

from warmrl.envs import TMaze
from warmrl.evaluation import (
    Certificate,
    DelayResult,
    check_writable,
    read_trained_on,
    success_figure,
    write_evaluation,
)

ROW = DelayResult(20, 100, 1.0, 0.96, 1.0, 4.0, 4.0, 21.0)


def test_schema(tmp_path: Path) -> None:
    certificate = Certificate(True, 2, 3, 1204, "")
    write_evaluation(tmp_path, [ROW], certificate, success_figure([ROW], TMaze()))
    assert json.loads((tmp_path / "evaluation.json").read_text()) == {
        "results": [
            {
                "delay": 20,
                "episodes": 100,
                "success_rate": 1.0,
                "ci_low": 0.96,
                "ci_high": 1.0,
                "mean_return": 4.0,
                "optimal_return": 4.0,
                "mean_length": 21.0,
            }
        ],
        "certificate": {"holds": True, "from_delay": 2, "cycle_length": 3, "steps": 1204},
    }
    assert (tmp_path / "evaluation.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.json", "evaluation.png"]


def test_a_result_that_json_cannot_hold_leaves_the_last_one(tmp_path: Path) -> None:
    write_evaluation(tmp_path, [ROW])
    before = (tmp_path / "evaluation.json").read_text()
    assert json.loads(before)["certificate"] is None
    with pytest.raises(ValueError, match="JSON"):
        write_evaluation(tmp_path, [DelayResult(1, 1, None, None, None, float("nan"), None, 1.0)])
    assert (tmp_path / "evaluation.json").read_text() == before


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"train": {}}', '{"train": {"env": 3, "env_kwargs": {}}}'],
)
def test_damaged_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json"):
        read_trained_on(tmp_path)


def test_results_that_have_no_place_are_found_early(tmp_path: Path) -> None:
    check_writable(tmp_path)
    (tmp_path / "evaluation.json").mkdir()
    with pytest.raises(IsADirectoryError, match=r"evaluation\.json"):
        check_writable(tmp_path)
