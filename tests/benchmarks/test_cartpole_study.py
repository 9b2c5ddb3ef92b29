"""CartPole in unmodified sb3-contrib: the study runs, and knows what it has run."""

from pathlib import Path

import pytest

from warmrl.benchmarks.cartpole import POLICIES, main
from warmrl.sweeps.rows import read_rows


def test_every_policy_has_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--total-timesteps", "1", "--seeds", "1", "--workers", "1", "--results", str(tmp_path)]
    main(args)
    rows = read_rows(tmp_path / "cartpole.jsonl")
    assert [row["group"] for row in rows] == list(POLICIES)
    assert all(1 <= row["return"] <= 500 for row in rows)
    first = capsys.readouterr().out
    assert all(policy in first for policy in POLICIES)
    main(args)
    assert read_rows(tmp_path / "cartpole.jsonl") == rows
    assert capsys.readouterr().out.endswith(first[first.index("policy") :])
