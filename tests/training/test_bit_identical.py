"""A run that was cut short ends where it would have ended, to the bit."""

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from warmrl.agents import Agent
from warmrl.agents.ppo_loss import Losses, PPOLoss
from warmrl.envs import MemoryVecEnv
from warmrl.evaluation.play import Played
from warmrl.tests.training.short_runs import SHORT, Outcome, assert_same, outcome, progress, solve
from warmrl.tests.training.strangers import ID
from warmrl.train import main
from warmrl.training import judge, practice
from warmrl.training.checkpoints import latest_checkpoint
from warmrl.warmup import Episodes, settling

STEP, LOSS, SYNC = (MemoryVecEnv, "step_wait"), (PPOLoss, "__call__"), (os, "fsync")
REST, JUDGED = (settling, "rest_loss"), (judge, "play_task")
MOMENTS: tuple[tuple[Any, str], ...] = (STEP, LOSS, SYNC)
RUNS = {
    "gru": ("--warmup", "none"),
    "gru warmed up": (),
    "lstm": ("--warmup", "none", "--cell", "lstm", "--critic", "separate"),
    "lstm warmed up": ("--cell", "lstm", "--env-kwargs", "stochasticity", "0.3"),
}


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warmrl.train.evaluate", lambda *args: None)


def whenever(patch: pytest.MonkeyPatch, moment: tuple[Any, str], act: Callable[[], None]) -> None:
    """Do something before every environment step, minibatch or write to the disk."""
    owner, name = moment
    original = getattr(owner, name)

    def acting(*args: Any, **kwargs: Any) -> Any:
        act()
        return original(*args, **kwargs)

    patch.setattr(owner, name, acting)


def fail_at(number: int, error: BaseException, times: int = 1) -> Callable[[], None]:
    """Raises an error at the call of this number, and at those that follow."""
    calls = itertools.count(1)

    def act() -> None:
        if number <= next(calls) < number + times:
            raise error

    return act


def uninterrupted(*args: str) -> Outcome:
    main([*SHORT, *args, "--run-dir", "whole"])
    return outcome(Path("whole"))


def killed(moments: Sequence[tuple[Any, str]], every: int, *args: str) -> list[Path]:
    """What lies on the disk at a moment is what a kill at that moment leaves."""
    places: list[Path] = []
    calls = itertools.count(1)

    def copy() -> None:
        number = next(calls)
        if number % every == 0 and Path("run/config.json").exists():
            places.append(Path(shutil.copytree("run", f"killed-{number}")))

    with pytest.MonkeyPatch.context() as patch:
        for moment in moments:
            whenever(patch, moment, copy)
        main([*SHORT, *args, "--run-dir", "run"])
    return places


def check_resumed(places: Sequence[Path], expected: Outcome) -> None:
    for place in places:
        main(["--resume", str(place)])
        assert_same(outcome(place), expected)


@pytest.mark.parametrize("run", RUNS)
def test_killed_at_any_moment(run: str) -> None:
    places = killed(MOMENTS, 19, *RUNS[run])
    expected = outcome(Path("run"))
    assert len(expected.progress) == 6
    assert len(places) >= 5
    check_resumed(places, expected)


def test_killed_while_the_task_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A curriculum that follows from the episodes under way."""
    step_wait, lengths = MemoryVecEnv.step_wait, set()

    def changing(env: MemoryVecEnv) -> Any:
        env.set_attr("length", 3 + int(env._batch.steps().max()) % 4)
        lengths.add(tuple(task.delay for task in env._batch.episode.tasks))
        return step_wait(env)

    monkeypatch.setattr(MemoryVecEnv, "step_wait", changing)
    places = killed([LOSS], 9, "--warmup", "none")
    assert max(map(len, lengths)) >= 3
    assert len(places) >= 4
    check_resumed(places, outcome(Path("run")))


@pytest.mark.parametrize(
    ("args", "steps"),
    [
        (("--no-stop-when-solved",), 192),
        (("--solved-rollouts", "2"), 132),
        (("--solved-rollouts", "2", "--anneal-when-solved"), 132),
    ],
)
def test_killed_while_it_consolidates(
    args: Sequence[str], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve(monkeypatch.setattr)
    places = killed([REST], 3, *args)
    expected = outcome(Path("run"))
    assert expected.summary["steps"] == steps
    assert len(places) == 2
    check_resumed(places, expected)


def smaller_is_better(agent: Agent, *_: Any) -> Played:
    """As if weights were episodes: training, which makes them larger, makes the agent worse."""
    size = sum(float(p.detach().abs().sum()) for p in agent.policy.parameters())
    return Played(np.zeros(3, bool), np.full(3, -size), np.ones(3, np.int64))


def smaller(before: Episodes, after: Episodes) -> bool:
    return bool((before.returns > after.returns).all())


@pytest.mark.parametrize(
    ("args", "moments"), [(("--solved-rollouts", "2"), 5), (("--total-timesteps", "160"), 4)]
)
def test_killed_while_it_is_judged(
    args: Sequence[str], moments: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Practice is taken back here, to what solved the task before the checkpoint gone on from."""
    solve(monkeypatch.setattr)
    monkeypatch.setattr(judge, "play_task", smaller_is_better)
    monkeypatch.setattr(practice, "worse", smaller)
    places = killed([JUDGED], 1, *args)
    expected = outcome(Path("run"))
    assert expected.summary["practice"]["left"] == "solved"
    assert expected.summary["consolidation"]["outcome"] in ("kept", "taken back")
    assert len(places) == moments
    check_resumed(places, expected)


def test_killed_after_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the agent is saved, while it is evaluated, and before the last checkpoint."""
    solve(monkeypatch.setattr)
    calls: list[Path] = []

    def evaluate(*args: Any) -> None:
        calls.append(Path(shutil.copytree("run", "evaluated")))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warmrl.train.evaluate", evaluate)
        places = killed([SYNC], 1)
    assert calls
    check_resumed([*places[-8:-1:3], *calls], outcome(Path("run")))  # the last one is finished


def cut_short(
    moment: tuple[Any, str], act: Callable[[], None], status: int, args: Sequence[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        whenever(patch, moment, act)
        with pytest.raises(SystemExit) as stop:
            main(args)
    assert stop.value.code == status


@pytest.mark.parametrize(
    ("moment", "number"), [(STEP, 60), (LOSS, 27), (LOSS, 45), (SYNC, 9), (REST, 3)]
)
def test_interrupted(
    moment: tuple[Any, str],
    number: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solve(monkeypatch.setattr)
    expected = uninterrupted()
    cut_short(moment, fail_at(number, KeyboardInterrupt()), 130, [*SHORT, "--run-dir", "run"])
    assert "; go on with: python train.py --resume run" in capsys.readouterr().err
    main(["--resume", "run"])
    assert_same(outcome(Path("run")), expected)


@pytest.mark.parametrize("number", [12, 18])
def test_the_disk_is_full(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    expected = uninterrupted()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    cut_short(SYNC, fail_at(number, full, times=1000), 2, [*SHORT, "--run-dir", "run"])
    err = capsys.readouterr().err
    assert err.startswith("error: run")
    assert "cannot be written: No space left on device (" in err
    assert "steps are saved in run; go on with: python train.py --resume run" in err
    assert err.count("\n") == 1
    main(["--resume", "run"])
    assert_same(outcome(Path("run")), expected)


@pytest.mark.parametrize("number", [20, 45])
def test_a_loss_that_is_not_a_number(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    expected, calls, loss = uninterrupted(), itertools.count(1), PPOLoss.__call__

    def breaking(*args: Any) -> Losses:
        losses = loss(*args)
        return losses._replace(value=losses.value * np.nan, total=losses.total * np.nan)

    def from_then_on(*args: Any) -> Losses:
        return (loss if next(calls) < number else breaking)(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PPOLoss, "__call__", from_then_on)
        with pytest.raises(SystemExit) as stop:
            main([*SHORT, "--run-dir", "run"])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: env='warmrl/TMaze-v0': value loss nan in the update at step ")
    assert "steps are saved in run; go on with: python train.py --resume run" in err
    assert err.count("\n") == 1
    main(["--resume", "run"])
    assert_same(outcome(Path("run")), expected)


def test_interrupted_again_and_again() -> None:
    expected = uninterrupted()
    cut_short(STEP, fail_at(30, KeyboardInterrupt()), 130, [*SHORT, "--run-dir", "run"])
    for number in (3, 12, 20):
        cut_short(LOSS, fail_at(number, KeyboardInterrupt()), 130, ["--resume", "run"])
    main(["--resume", "run"])
    assert_same(outcome(Path("run")), expected)


def test_more_steps_later_are_as_good_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They go on from before the consolidation, which is of the saved agent only."""
    solve(monkeypatch.setattr)
    main([*SHORT, "--total-timesteps", "96", "--run-dir", "run"])
    snapshot, _ = latest_checkpoint(Path("run"))
    assert snapshot is not None
    saved = load_file("run/policy.safetensors")
    differing = {
        n for n, a in saved.items() if not np.array_equal(snapshot.arrays[f"policy.{n}"], a)
    }
    assert differing
    assert all(name.startswith("lstm_actor.") for name in differing)
    main(["--resume", "run", "--total-timesteps", "192"])
    assert_same(outcome(Path("run")), uninterrupted())


def test_practice_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    solve(monkeypatch.setattr)
    expected = uninterrupted("--solved-rollouts", "3")
    assert expected.summary["solved_at"] == 64
    assert expected.progress[-1]["consolidation/taken_back"] in ("0.0", "1.0")
    assert len(expected.progress) == 5 + 1  # rollouts, and what came after
    args = [*SHORT, "--solved-rollouts", "3", "--run-dir", "run"]
    cut_short(LOSS, fail_at(30, KeyboardInterrupt()), 130, args)
    main(["--resume", "run"])
    assert_same(outcome(Path("run")), expected)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["--resume", "run"])
    assert (
        "error: solved_rollouts=3 must be more than the 3 that run has" in capsys.readouterr().err
    )
    main(["--resume", "run", "--solved-rollouts", "4"])
    assert len(progress(Path("run"))) == 6 + 1


def test_the_policy_saved_is_the_one_that_played_the_last_rollout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The third rollout of practice is played with what the update after the second has left."""
    solve(monkeypatch.setattr)
    for rollouts in ("2", "3"):
        practice = ("--solved-rollouts", rollouts, "--no-consolidate", "--run-dir", rollouts)
        main([*SHORT, *practice])
    snapshot, _ = latest_checkpoint(Path("2"))
    assert snapshot is not None
    saved = load_file("3/policy.safetensors")
    assert all(np.array_equal(snapshot.arrays[f"policy.{n}"], a) for n, a in saved.items())
    before = load_file("2/policy.safetensors")
    assert not all(np.array_equal(before[n], a) for n, a in saved.items())


def test_episodes_of_others_start_anew(capsys: pytest.CaptureFixture[str]) -> None:
    interrupted = ("--env-kwargs", "fault", "interrupt", "after", "20", "--warmup", "none")
    strange = [arg for arg in SHORT if arg not in ("--length", "--eval-delays", "3")]
    with pytest.raises(SystemExit):
        main([*strange, "--env", ID, *interrupted, "--run-dir", "run"])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["--resume", "run"])
    said = capsys.readouterr().out
    assert f"will differ from an uninterrupted run's: {ID} cannot save its episodes, which" in said
    assert [row["time/iterations"] for row in progress(Path("run"))] == ["1", "2", "3", "4"]
