"""Practice and the taking back of the last update are judged, and so left out where they harm."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import KVWriter, Logger

from warmrl.envs import DelayedRecall, TMaze
from warmrl.evaluation.play import Played
from warmrl.tests.training.short_runs import SHORT, progress, solve
from warmrl.tests.training.test_callbacks import Model
from warmrl.train import main
from warmrl.training import (
    JudgedPractice,
    PracticeResult,
    StopWhenSolved,
    consolidated_in_words,
    judge,
    practised_in_words,
    summary_of,
)
from warmrl.warmup import ConsolidationConfig, ConsolidationResult, Episodes, Score


class Rows(KVWriter):
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], *_: Any) -> None:
        self.rows.append(dict(key_values))


class Judged:
    """A model whose only weight is one larger after each update, and an agent's success by it.

    :param success: of the agent whose weight is 0, 1, 2, ...
    """

    def __init__(self, *success: float, rollouts: int | None = 2) -> None:
        self.rows = Rows()
        model: Any = Model(Logger(None, [self.rows]))
        self.model = model
        self.solved = StopWhenSolved(rollouts)
        self.practice = JudgedPractice(self.solved, self.play)
        self.success, self.asked = success, list[int]()
        for callback in (self.solved, self.practice):
            callback.init_callback(self.model)
        torch.nn.init.zeros_(self.model.policy.weight)

    def play(self, model: Any) -> Episodes:
        weight = round(model.policy.weight.item())
        self.asked.append(weight)
        solved = np.arange(100) < 100 * self.success[weight]
        return Episodes(solved.astype(float), solved)

    def trained(self, *rates: float) -> int:
        """The weight that is left after rollouts of these success rates."""
        self.solved.on_training_start({}, {})
        for rate in rates:
            self.model.ep_success_buffer.extend([rate] * 100)
            self.model.num_timesteps += 10
            self.solved.on_rollout_end()
            with torch.no_grad():
                self.model.policy.weight.add_(1)
            if not self.solved.on_step():
                break
        for callback in (self.solved, self.practice):
            callback.on_training_end()
        weight: float = self.model.policy.weight.item()
        return round(weight)


@pytest.mark.parametrize(
    ("success", "left", "by"),
    [
        # The agent that solves it has weight 0, the one of the last rollout 2, the updated one 3
        ((1.0, 1.0, 1.0, 1.0), 2, None),
        ((0.98, 0.5, 1.0, 0.99), 2, None),
        ((1.0, 1.0, 0.97, 0.97), 2, None),  # as likely by chance
        ((1.0, 1.0, 0.9, 0.9), 0, "solved"),
        ((0.5, 1.0, 0.9, 1.0), 3, "updated"),
        ((1.0, 0.5, 0.8, 0.9), 0, "solved"),
        ((0.9, 0.5, 0.8, 1.0), 3, "updated"),
    ],
)
def test_the_better_agent_is_left(success: tuple[float, ...], left: int, by: str | None) -> None:
    judged = Judged(*success)
    assert judged.trained(1.0, 1.0, 1.0) == left
    assert judged.asked == [2, 3, 0]
    result = judged.practice.result
    assert (None if result is None else result.left) == by
    if result is not None:
        assert result.better == (100, success[left], success[left])
        row = judged.rows.rows[-1]
        assert row["practice/success_better"] == row["practice/return_better"] == success[left]
        assert row["practice/success_worse"] == result.worse.success
        assert row["time/total_timesteps"] == 30
    else:
        assert judged.rows.rows == []


def test_what_was_solved_only_for_a_while_is_no_rival() -> None:
    judged = Judged(1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5)
    assert judged.trained(1.0, 0.9, 0.9, 1.0, 1.0, 1.0) == 5
    assert judged.asked == [5, 6, 3]


def test_practice_that_is_cut_short_is_judged_too() -> None:
    judged = Judged(1.0, 1.0, 0.5)
    assert judged.trained(1.0, 1.0) == 0
    assert judged.asked == [2, 0]


@pytest.mark.parametrize(("rollouts", "rates"), [(None, (1.0, 1.0)), (2, (0.5, 0.6))])
def test_without_practice_nothing_is_judged(rollouts: int | None, rates: tuple[float, ...]) -> None:
    judged = Judged(1.0, 1.0, 0.0, rollouts=rollouts)
    assert judged.trained(*rates) == 2
    assert judged.asked == []


def test_without_any_practice_only_the_update_is_judged() -> None:
    judged = Judged(0.0, 1.0, rollouts=0)
    assert judged.trained(1.0) == 1
    assert judged.asked == [0, 1]


def test_returns_that_are_no_numbers_are_no_better(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Judged(1.0, 1.0, 0.5, 1.0)
    play = judged.play

    def broken(model: Any) -> Episodes:
        played = play(model)
        return played if judged.asked[-1] == 2 else played._replace(returns=played.returns * np.nan)

    judged.practice.judge = broken
    assert judged.trained(1.0, 1.0, 1.0) == 2


def test_the_optimiser_stays() -> None:
    judged = Judged(1.0, 1.0, 0.5, 0.5)
    parameters = list(judged.model.policy.parameters())
    optimiser = torch.optim.Adam(parameters)
    judged.model.policy(torch.ones(1, 1)).sum().backward()
    optimiser.step()
    torch.nn.init.zeros_(judged.model.policy.weight)
    before = deepcopy(optimiser.state_dict())
    assert judged.trained(1.0, 1.0, 1.0) == 0
    torch.testing.assert_close(optimiser.state_dict(), before, rtol=0, atol=0)
    assert list(judged.model.policy.parameters()) == parameters


def scripted(patch: pytest.MonkeyPatch, *success: float) -> None:
    """What a run's judge sees, one call after the other."""
    rates = iter(success)

    def play_task(agent: Any, task: Any, n_episodes: int, seed: int) -> Played:
        solved = np.arange(n_episodes) < n_episodes * next(rates)
        returns = np.where(solved, 4.0, 0.0).astype(np.float64)
        return Played(solved, returns, np.ones(n_episodes, np.int64))

    patch.setattr(judge, "play_task", play_task)


def test_a_run_says_what_was_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its agent is then, to the bit, the one that it has without consolidation."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warmrl.train.evaluate", lambda *args: None)
    solve(monkeypatch.setattr)
    saved: list[Any] = []
    for args, success in (
        (["--no-consolidate"], (1.0, 0.5, 0.5)),
        ([], (1.0, 0.5, 0.5, 1.0, 0.25)),
    ):
        scripted(monkeypatch, *success)
        folder = Path(f"run{len(saved)}")
        main([*SHORT, "--solved-rollouts", "2", "--run-dir", str(folder), *args])
        saved.append((folder / "policy.safetensors").read_bytes())
    out = capsys.readouterr().out
    assert "\nconsolidation: taken back, success fell from 1 to 0.25 on length 3\n" in out
    assert out.count("consolidation") == 1
    assert "practice" not in out
    assert saved[0] == saved[1]
    summary = json.loads((folder / "config.json").read_text())["summary"]
    assert summary["consolidation"] == {
        "outcome": "taken back",
        "before": {"episodes": 500, "success": 1.0, "mean_return": 4.0},
        "after": {"episodes": 500, "success": 0.25, "mean_return": 1.0},
    }
    last = progress(folder)[-1]
    assert (last["consolidation/taken_back"], last["consolidation/success_after"]) == (
        "1.0",
        "0.25",
    )


def test_a_run_whose_practice_was_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warmrl.train.evaluate", lambda *args: None)
    solve(monkeypatch.setattr)
    scripted(monkeypatch, 0.5, 0.5, 1.0)
    main([*SHORT, "--solved-rollouts", "2", "--run-dir", "run", "--no-consolidate"])
    out = capsys.readouterr().out
    assert "\npractice: taken back, success fell from 1 to 0.5 on length 3\n" in out
    summary = json.loads(Path("run/config.json").read_text())["summary"]
    assert summary["practice"]["left"] == "solved"
    assert progress(Path("run"))[-1]["practice/success_better"] == "1.0"


GOOD, BAD = Score(500, 0.98, 3.8), Score(500, 0.1, 1.25)


def consolidated(**kwargs: Any) -> ConsolidationResult:
    return ConsolidationResult(0.0, 64, 0.25, 0.125, False, 1e-3, **kwargs)


@pytest.mark.parametrize(
    ("result", "task", "words"),
    [
        (
            consolidated(before=GOOD, after=GOOD),
            TMaze(20),
            "consolidation: 56 of 64 checked memories survive 30,000 more steps (before: 48 of 64 "
            "survive 100)",
        ),
        (
            consolidated(before=GOOD, after=BAD, taken_back=True),
            DelayedRecall(delay=4),
            "consolidation: taken back, success fell from 0.98 to 0.1 on delay 4",
        ),
        (
            consolidated(before=Score(9, None, 95.25), after=Score(9, None, -20), taken_back=True),
            None,
            "consolidation: taken back, mean return fell from 95.2 to -20",
        ),
        (
            consolidated(before=GOOD, after=GOOD._replace(mean_return=3.5), taken_back=True),
            TMaze((5, 20)),
            "consolidation: taken back, mean return fell from 3.8 to 3.5 on length 5 to 20",
        ),
        (
            consolidated(idle=False),
            TMaze(20),
            "consolidation: nothing to do, 16 of 64 checked memories change with one more step "
            "(nothing is idle)",
        ),
    ],
)
def test_what_consolidation_came_to_in_words(
    result: ConsolidationResult, task: Any, words: str
) -> None:
    assert consolidated_in_words(result, ConsolidationConfig(), task) == words


def test_what_practice_came_to_in_words() -> None:
    assert practised_in_words(PracticeResult("solved", GOOD, BAD), TMaze(20)) == (
        "practice: taken back, success fell from 0.98 to 0.1 on length 20"
    )
    assert practised_in_words(PracticeResult("updated", GOOD, BAD), None) == (
        "practice: the last update is kept; without it success fell from 0.98 to 0.1"
    )


def test_the_summary() -> None:
    good = {"episodes": 500, "success": 0.98, "mean_return": 3.8}
    bad = {"episodes": 500, "success": 0.1, "mean_return": 1.25}
    assert summary_of(None, None) == {}
    assert summary_of(PracticeResult("solved", GOOD, BAD), None) == {
        "practice": {"left": "solved", "better": good, "worse": bad}
    }
    assert summary_of(None, consolidated(before=GOOD, after=GOOD)) == {
        "consolidation": {"outcome": "kept", "before": good, "after": good},
        "waits_lost_before": 0.25,
        "waits_lost_after": 0.125,
    }
    assert summary_of(None, consolidated(before=GOOD, after=BAD, taken_back=True)) == {
        "consolidation": {"outcome": "taken back", "before": good, "after": bad}
    }
    assert summary_of(None, consolidated(idle=False)) == {
        "consolidation": {"outcome": "nothing idle", "before": None, "after": None}
    }
