"""The study on environments of other packages."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from warmrl.benchmarks import agent_job, other_packages
from warmrl.benchmarks.agent_job import AgentJob
from warmrl.benchmarks.other_packages import ENVIRONMENTS, OtherPackages, show_returns
from warmrl.sweeps.rows import read_rows
from warmrl.training import build_env

TINY: dict[str, Any] = agent_job.QUICK | {"n_envs": 2, "n_steps": 16, "total_timesteps": 32}


def test_its_runs() -> None:
    jobs = OtherPackages().jobs()
    assert len(jobs) == 5 * len(ENVIRONMENTS) * 2
    assert [job.group for job in jobs[:2]] == [
        "popgym-RepeatFirstEasy-v0 gru frame",
        "popgym-RepeatFirstEasy-v0 gru none",
    ]
    assert len({job.key for job in jobs}) == len(jobs)
    assert jobs[0].config.total_timesteps == 150_000
    assert not jobs[0].config.consolidate


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_its_environments_are_there(env: str) -> None:
    for package in ("popgym", "minigrid"):
        pytest.importorskip(package, reason=f"needs the extra: pip install 'warmrl[{package}]'")
    (job, *_) = OtherPackages(envs=(env,), quick=True).jobs()
    build_env(job.config).close()


def test_a_tiny_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("popgym", reason="needs the extra: pip install 'warmrl[popgym]'")
    monkeypatch.setattr(other_packages, "QUICK", TINY)
    monkeypatch.setenv("COLUMNS", "200")
    args = ["--quick", "--workers", "1", "--seeds", "1", "--results", str(tmp_path)]
    args += ["--envs", "popgym-RepeatFirstEasy-v0"]
    other_packages.main(args)
    out = capsys.readouterr().out
    assert "quick: tiny networks" in out
    rows = read_rows(tmp_path / "other_packages-quick.jsonl")
    groups = [f"popgym-RepeatFirstEasy-v0 gru {warmup}" for warmup in ("frame", "none")]
    assert [row["group"] for row in rows] == groups
    for row in rows:
        assert row["group"] in out
        assert -1 <= row["return"]["None"] <= 1

    def never_again(job: AgentJob) -> None:
        raise AssertionError(f"{job.group} was run again")

    monkeypatch.setattr(AgentJob, "run", never_again)
    other_packages.main(args)


def test_its_table_by_hand() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    returns = [0.0, 0.5, 0.5, 0.5, 1.0]
    rows = [{"group": "a", "steps": 64_000, "return": {"None": value}} for value in returns]
    show_returns(rows, console, "a title")
    said = [line.split() for line in console.export_text().splitlines() if line.strip()]
    assert said[0] == ["a", "title"]
    assert said[1] == ["agent", "seeds", "steps", "return", "worst", "best"]
    assert said[-1][:4] == ["a", "5", "64,000", "0.50"]  # the middle three
    assert said[-1][-2:] == ["0.00", "1.00"]


def test_another_environment_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        other_packages.main(["--envs", "CartPole-v1", "--results", str(tmp_path)])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: envs='CartPole-v1' must be one of popgym-RepeatFirstEasy-v0, ")
