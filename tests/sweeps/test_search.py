"""A search: what it tries, what it prunes, and how it goes on."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from warmrl.processes import Tell
from warmrl.sweeps import DONE, Definition, Drive, Progress, Row, Run
from warmrl.sweeps.drive import RESULTS_FILE
from warmrl.sweeps.grid import read_grid
from warmrl.sweeps.rows import grouped, read_rows
from warmrl.sweeps.run import PRUNE, STOP, Stopped
from warmrl.sweeps.space import read_space
from warmrl.tests.sweeps.threads import Threads
from warmrl.training import TrainConfig

pytest.importorskip("optuna", reason="needs the extra sweep: pip install 'warmrl[sweep]'")

from warmrl.sweeps.search import SearchPlan

STEPS = 100


class Silent:
    """A display that shows nothing, and presses Ctrl-C after so many runs."""

    def __init__(self, interrupt_after: int = -1) -> None:
        self.left = interrupt_after

    def started(self, run: Run) -> None:
        self.left -= 1

    def told(self, run: Run, progress: Progress) -> None:
        if self.left == -1:
            signal.raise_signal(signal.SIGINT)
            self.left = -2

    def ended(self, run: Run, row: Row | None, n_ended: int) -> None:
        pass


def pretended(run: Run, tell: Tell) -> Row:
    """A run whose score grows to its best at a learning rate of 0.001."""
    best = 1 - abs(np.log10(run.config.learning_rate) + 3)
    for steps in range(20, STEPS + 1, 20):
        answer = tell(Progress(steps, best * steps / STEPS))
        if answer == STOP:
            raise Stopped
        if answer == PRUNE:
            return run.row("pruned", steps=steps, score=best * steps / STEPS)
    if run.config.learning_rate > 8e-3:
        raise ValueError("too\nfast")
    return run.row(DONE, score=best, steps=STEPS)


def searched(
    folder: Path, n_trials: int = 9, interrupt_after: int = -2, grid: tuple[str, ...] = ()
) -> list[Row]:
    points = read_grid(grid)
    space = read_space(["learning_rate=log:1e-4:1e-2"], points)
    definition = Definition(TrainConfig(total_timesteps=STEPS), points, space, (3, 4))
    definition.claim(folder)
    rows = {row["key"]: row for row in read_rows(folder / RESULTS_FILE)}
    plan = SearchPlan(definition, folder, rows, n_trials, parallel=False)
    with Threads(1) as place:
        Drive(plan, place, folder, rows, Silent(interrupt_after)).go()
    assert plan.ended == plan.total
    assert plan.next() is None
    return plan.rows()


@pytest.fixture(autouse=True)
def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "__call__", pretended)


def test_trials_have_all_seeds_and_laggards_are_pruned(tmp_path: Path) -> None:
    rows = searched(tmp_path / "sweep", 20)
    trials: dict[int, list[Row]] = {}
    for row in rows:
        trials.setdefault(row["trial"], []).append(row)
    assert sorted(trials) == list(range(20))
    for number, runs in trials.items():
        status = [row["status"] for row in runs]
        assert status in (["done", "done"], ["pruned"], ["failed"])
        assert {row["key"] for row in runs} <= {f"trial-{number:04}/seed-{s}" for s in (3, 4)}
        assert len({row["settings"]["learning_rate"] for row in runs}) == 1
    by_status = {s: [r for r in rows if r["status"] == s] for s in ("done", "pruned", "failed")}
    assert all(by_status.values())
    assert {row["error"] for row in by_status["failed"]} == {"ValueError: too fast"}
    assert all(row["trial"] >= 5 for row in by_status["pruned"])
    assert max(row["score"] for row in by_status["done"]) > 0.95


def test_a_search_goes_on_to_the_same_trials(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole")
    for runs in (1, 4, 9):
        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path / "parts", interrupt_after=runs)
    parts = searched(tmp_path / "parts")
    assert [kept(row) for row in parts] == [kept(row) for row in whole]
    assert searched(tmp_path / "parts") == parts
    assert len(searched(tmp_path / "parts", 10)) > len(parts)


def test_every_point_of_a_grid_is_searched(tmp_path: Path) -> None:
    rows = searched(tmp_path / "sweep", 2, grid=("cell=gru,lstm",))
    assert list(grouped(rows)) == ["cell=gru", "cell=lstm"]
    assert all({row["trial"] for row in runs} == {0, 1} for runs in grouped(rows).values())
    assert rows[0]["key"] == "cell=gru/trial-0000/seed-3"
    assert set(rows[0]["settings"]) == {"cell", "learning_rate"}


def kept(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "traceback"}
