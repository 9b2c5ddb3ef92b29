"""The training script, as a user runs it."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from warmrl.agents import Agent, RecurrentPPO
from warmrl.evaluate import main as evaluate
from warmrl.tests.training.strangers import ID
from warmrl.train import main, train
from warmrl.training import TrainConfig
from warmrl.warmup import descent
from warmrl.warmup.divergence import DivergedError

ROOT = Path(__file__).parents[1]
SMALL = [
    *("--n-envs", "8", "--n-steps", "16", "--hidden-size", "8", "--total-timesteps", "256"),
    *("--warmup-steps", "2", "--warmup-episodes", "8", "--eval-episodes", "4"),
]
TINY = [*SMALL, "--length", "3", "--eval-delays", "3", "9"]
STRANGE = [*SMALL, "--env", ID, "--warmup", "none"]
STABLE = ("--length", "3", "--warmup", "stability", "--stability-radius", "0.5")


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stopped(args: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error with which the script stops."""
    with pytest.raises(SystemExit) as stop:
        main(args)
    err = capsys.readouterr().err
    assert stop.value.code == status, err
    assert err.count("\n") == 1
    return err


def error_of(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    err = stopped(args, 2, capsys)
    assert err.startswith("error: ")
    return err


def progress(folder: str) -> list[dict[str, str]]:
    with (Path(folder) / "progress.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_everything(capsys: pytest.CaptureFixture[str]) -> None:
    main([*TINY, "--run-dir", "a/run"])
    out = capsys.readouterr()
    assert out.err == ""
    assert "warmed up in" in out.out
    assert "trained up to 256 steps" in out.out
    assert "saved in a/run; try: python evaluate.py a/run --certify" in out.out
    assert sorted(path.name for path in Path("a/run").iterdir()) == [
        *("checkpoint-0.safetensors", "checkpoint-256.safetensors", "config.json"),
        *("evaluation.json", "evaluation.png", "model.zip"),
        *("policy.safetensors", "progress.csv"),
    ]
    rows = progress("a/run")
    assert [row["time/total_timesteps"] for row in rows] == ["128", "256"]
    assert 0 <= float(rows[-1]["rollout/success_rate"]) <= 1
    assert {"rollout/ep_rew_mean", "rollout/ep_len_mean", "train/loss"} <= set(rows[-1])
    written = json.loads(Path("a/run/evaluation.json").read_text())
    assert [row["delay"] for row in written["results"]] == [3, 9]
    config = json.loads(Path("a/run/config.json").read_text())
    assert config["train"]["env_kwargs"] == {"length": 3}
    assert config["summary"]["steps"] == 256
    assert config["summary"]["complete"]
    assert 0 < config["summary"]["vaa_before"] <= 1
    assert RecurrentPPO.load("a/run/model.zip").num_timesteps == 256
    assert Agent.load("a/run").act(np.zeros((2, 9), np.float32)).shape == (2,)
    evaluate(["a/run", "--delays", "4", "--episodes", "2"])


def test_same_seed_same_bits() -> None:
    for folder, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        main([*TINY, "--run-dir", folder, "--seed", seed])
    a, b, c = ((Path(folder) / "policy.safetensors").read_bytes() for folder in "abc")
    assert a == b
    assert a != c


def test_from_python_nothing_is_written(workplace: Path) -> None:
    config = TrainConfig(length=(3,), n_envs=8, n_steps=16, total_timesteps=128, warmup_steps=2)
    trained = train(config)
    assert trained.warmup is not None
    assert (trained.model.num_timesteps, trained.solved_at) == (128, None)
    assert trained.consolidation is None
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [
        ["--env", "warmrl/DelayedRecall-v0", "--delay", "1", "4", "--env-kwargs", "n_symbols", "4"],
        ["--length", "3", "5", "--cell", "lstm", "--no-double", "--warmup", "rollout"],
        ["--length", "3", "--env-kwargs", "stochasticity", "0.3", "--no-stop-when-solved"],
    ],
)
def test_other_tasks_and_agents(args: list[str]) -> None:
    main([*SMALL, *args, "--eval-delays", "4", "--run-dir", "run"])
    (row,) = json.loads(Path("run/evaluation.json").read_text())["results"]
    assert row["delay"] == 4


def test_local_stability_is_not_called_a_warm_up(capsys: pytest.CaptureFixture[str]) -> None:
    main([*SMALL, *STABLE, "--eval-delays", "3", "--run-dir", "run"])
    said = capsys.readouterr().out
    assert ", pre-trained to a radius of 0.5 on TMaze(" in said
    assert re.search(r"pre-trained in [\d.]+ s: radius [\d.]+ -> [\d.]+, VAA [\d.]+ -> \d", said)
    assert "warmed up" not in said


def test_default_delays_go_far_beyond_training() -> None:
    main([*SMALL, "--env", "warmrl/DelayedRecall-v0", "--delay", "1", "2", "--run-dir", "run"])
    results = json.loads(Path("run/evaluation.json").read_text())["results"]
    assert [row["delay"] for row in results] == [2, 20, 200, 2000]


@pytest.mark.parametrize(
    "args",
    [
        ["--env", "CartPole-v1"],
        ["--env", ID, "--env-kwargs", "seen", "image", "--n-envs", "2"],
        ["--env", ID, "--env-kwargs", "seen", "dict", "done", "box", "--n-envs", "2"],
        ["--env", ID, "--env-kwargs", "seen", "number"],
    ],
)
def test_environments_of_others(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*SMALL, *args, "--total-timesteps", "64", "--run-dir", "run"])
    assert "solved" not in capsys.readouterr().out
    (row,) = json.loads(Path("run/evaluation.json").read_text())["results"]
    assert (row["delay"], row["success_rate"], row["episodes"]) == (None, None, 4)
    evaluate(["run", "--episodes", "2"])
    main(["--resume", "run", "--total-timesteps", "160"])


@pytest.mark.parametrize("fault", ["observation", "reward", "terminal"])
def test_a_fault_of_the_environment_keeps_what_was_learned(
    fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = ["--env-kwargs", "fault", fault, "after", "20", "--run-dir", "run"]
    err = error_of([*STRANGE, *faulty], capsys)
    kind = fault.replace("terminal", "observation")
    assert f"error: env='{ID}': {kind} nan of environment " in err
    assert "steps are saved in run; go on with: python train.py --resume run" in err
    assert [row["time/total_timesteps"] for row in progress("run")] == ["128"]
    summary = json.loads(Path("run/config.json").read_text())["summary"]
    assert not summary["complete"]
    assert Agent.load("run").act(np.zeros(3, np.float32)).shape == ()


@pytest.mark.parametrize("warmup", ["none", "frame"])
@pytest.mark.parametrize("after", ["-1", "3"])
def test_a_fault_before_anything_was_learned_leaves_nothing(
    workplace: Path, warmup: str, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = ["--env-kwargs", "fault", "observation", "after", after, "--warmup", warmup]
    err = error_of([*STRANGE, *faulty], capsys)
    found = "observation nan of environment" if warmup == "none" else "is NaN or infinite"
    assert found in err
    assert "nothing was learned yet, nothing is saved" in err
    assert list(workplace.iterdir()) == []


def test_a_policy_that_diverges_is_said_in_one_line(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    err = error_of([*SMALL, "--learning-rate", "1e30"], capsys)
    assert "inf in the update at step 128: it must be finite; learning_rate or reward_scale" in err
    assert list(workplace.iterdir()) == []


def diverge_above(limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(name: str, step: int, learning_rate: float, *_: object) -> None:
        if step == 1 and learning_rate > limit:
            raise DivergedError(f"{name}: too large with learning_rate={learning_rate:g}")

    monkeypatch.setattr(descent, "check_descent", check)


def test_a_warm_up_that_diverges_is_said_in_one_line(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    diverge_above(0.0, monkeypatch)
    err = error_of(TINY, capsys)
    assert "warmup='frame' on env='warmrl/TMaze-v0': warm_up: too large with learning_rate=" in err
    assert list(workplace.iterdir()) == []


def test_a_warm_up_that_was_begun_again_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    diverge_above(0.001, monkeypatch)
    main(TINY)
    assert "it diverged before, and was begun again with learning_rate=0.001" in (
        capsys.readouterr().out
    )


def test_interrupted_training_can_be_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    faulty = ["--env-kwargs", "fault", "interrupt", "after", "40"]
    args = [*STRANGE, *faulty, "--total-timesteps", "2000", "--run-dir", "run"]
    err = stopped(args, 130, capsys)
    assert err.startswith("interrupted: ")
    assert "steps are saved in run; go on with: python train.py --resume run" in err
    assert [row["time/total_timesteps"] for row in progress("run")] == ["128", "256"]
    # The third rollout is played anew; so is the environment, which interrupts again.
    stopped(["--resume", "run"], 130, capsys)
    steps = [row["time/total_timesteps"] for row in progress("run")]
    assert steps == ["128", "256", "384", "512"]


def test_interrupted_at_once_leaves_nothing(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupted = ["--env-kwargs", "fault", "interrupt", "--warmup", "frame"]
    assert "nothing is saved" in stopped([*STRANGE, *interrupted], 130, capsys)
    assert list(workplace.iterdir()) == []


def test_a_broken_environment_keeps_its_traceback_and_what_was_learned() -> None:
    broken = ["--env-kwargs", "fault", "crash", "after", "20", "--run-dir", "run"]
    with pytest.raises(RuntimeError, match="the environment is broken"):
        main([*STRANGE, *broken])
    assert Agent.load("run").act(np.zeros(3, np.float32)).shape == ()


def test_interrupted_evaluation_keeps_the_agent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warmrl.train.sweep", interrupt)
    err = stopped([*TINY, "--run-dir", "run"], 130, capsys)
    assert err.startswith("interrupted: the agent is saved in run; try: python evaluate.py run")
    assert Path("run/model.zip").is_file()


def test_a_run_is_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    main([*TINY, "--run-dir", "run"])
    before = (Path("run/policy.safetensors").read_bytes(), progress("run"))
    for args, message in (
        (["--cell", "lstm"], "cell='lstm' cannot be changed by --resume; the run has 'gru'"),
        (["--length", "5"], "length=5 cannot be changed by --resume; the run has 3"),
        (["--env-kwargs", "stochasticity", "1"], "env_kwargs={'stochasticity': '1'} cannot be"),
        (["--run-dir", "other"], "run_dir="),
        (["--total-timesteps", "100"], "total_timesteps=100 must be more than the 256 steps"),
        ([], "total_timesteps=256 must be more than the 256 steps"),
    ):
        assert message in error_of(["--resume", "run", *args], capsys)
    assert (Path("run/policy.safetensors").read_bytes(), progress("run")) == before
    main(["--resume", "run", "--total-timesteps", "512", "--eval-delays", "4"])
    assert "from 256 steps on" in capsys.readouterr().out
    assert [row["time/total_timesteps"] for row in progress("run")] == ["128", "256", "384", "512"]
    assert Path("run/policy.safetensors").read_bytes() != before[0]
    config = json.loads(Path("run/config.json").read_text())
    assert (config["summary"]["steps"], config["train"]["total_timesteps"]) == (512, 512)
    results = json.loads(Path("run/evaluation.json").read_text())["results"]
    assert [row["delay"] for row in results] == [4]


def test_help_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in (
        "python train.py --env warmrl/CopyFirst-v0 --delay 1 20 --env-kwargs n_cues 2",
        "--cell lstm|gru",
        "--warmup none|gaussian|rollout|frame",
        "to the very bits that it would have come to uninterrupted",
    ):
        assert words in said
    assert "None" not in said


def test_as_a_program() -> None:
    script = [sys.executable, str(ROOT / "train.py")]
    run = subprocess.run([*script, *TINY], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert Path("runs/TMaze-v0-gru-frame-0/evaluation.png").is_file()


def test_as_a_module_interrupted() -> None:
    args = [*TINY, "--total-timesteps", "100000000", "--no-stop-when-solved", "--run-dir", "run"]
    program = subprocess.Popen(
        [sys.executable, "-m", "warmrl.train", *args],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # as in a terminal
    )
    log = Path("run/progress.csv")
    while program.poll() is None and not (log.is_file() and len(log.read_text().split()) > 4):
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate()
    assert program.returncode == 130
    assert err.startswith("interrupted: ")
    assert err.count("\n") == 1
    assert Agent.load("run").act(np.zeros(9, np.float32)).shape == ()


def test_a_warmed_agent_solves_mazes_ten_times_as_long(capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            *("--length", "6", "--n-envs", "64", "--n-steps", "32", "--learning-rate", "3e-3"),
            *("--warmup-steps", "60", "--total-timesteps", "100000", "--solved-rollouts", "5"),
            *("--eval-delays", "6", "60", "600", "--run-dir", "run"),
        ]
    )
    out = capsys.readouterr().out
    assert "solved at" in out
    found = re.search(
        r"^consolidation: (\d+) of 64 checked memories survive 30,000 more steps "
        r"\(before: (\d+) of 64 survive 100\)$",
        out,
        re.MULTILINE,
    )
    assert found is not None
    summary = json.loads(Path("run/config.json").read_text())["summary"]
    survive = [64 * (1 - summary[f"waits_lost_{when}"]) for when in ("after", "before")]
    assert [float(number) for number in found.groups()] == survive
    judged = summary["consolidation"]
    assert judged["outcome"] == "kept"
    assert judged["before"]["success"] <= judged["after"]["success"] == 1
    results = json.loads(Path("run/evaluation.json").read_text())["results"]
    assert [row["success_rate"] for row in results] == [1.0, 1.0, 1.0]


@pytest.mark.slow
def test_the_default_run_is_solved() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "train.py")], capture_output=True, text=True, check=True
    )
    assert "solved at" in run.stdout
    folder = Path("runs/TMaze-v0-gru-frame-0")
    results = json.loads((folder / "evaluation.json").read_text())["results"]
    assert [row["delay"] for row in results] == [20, 200, 2000, 20000]
    assert [row["success_rate"] for row in results] == [1.0] * 4
