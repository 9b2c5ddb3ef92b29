"""The evaluation script, as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import make_vec_env
from warmrl.evaluate import main, progress_bar


def make_run(
    folder: Path, env: str = "warmrl/TMaze-v0", cell: str = "gru", **env_kwargs: Any
) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vec_env = make_vec_env(env, 1, **env_kwargs)
        policy = MlpRnnPolicy(
            vec_env.observation_space, vec_env.action_space, lambda _: 0.0, cell=cell
        )
        vec_env.close()
    Agent(policy).save(folder, {"train": {"env": env, "env_kwargs": env_kwargs}})
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", length=3)


def error_of(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(args)
    out, err = capsys.readouterr()
    assert stop.value.code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_module_runs_as_a_program(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warmrl.evaluate", str(run), "--delays", "3", "40", "--certify"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert lines[0][:2] == ["length", "success"]
    assert [line[0] for line in lines[2:4]] == ["3", "40"]
    assert lines[4][:2] == ["not", "certified:"]
    written = json.loads((run / "evaluation.json").read_text())
    assert [row["delay"] for row in written["results"]] == [3, 40]
    assert written["results"][0]["episodes"] == 100
    assert written["certificate"]["holds"] is False
    assert (run / "evaluation.png").is_file()


def test_default_delays_go_beyond_training(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(run), "--episodes", "4"])
    written = json.loads((run / "evaluation.json").read_text())
    assert [row["delay"] for row in written["results"]] == [3, 30, 300]
    assert written["certificate"] is None
    assert "300" in capsys.readouterr().out


def test_same_seed_same_file(run: Path) -> None:
    texts = []
    for _ in range(2):
        main([str(run), "--delays", "5", "--episodes", "30", "--seed", "7"])
        texts.append((run / "evaluation.json").read_text())
    assert texts[0] == texts[1]


def test_random_task_cannot_be_certified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path, length=3, stochasticity=0.2)
    main([str(run), "--delays", "4", "--episodes", "4", "--certify"])
    assert json.loads((run / "evaluation.json").read_text())["certificate"] is None
    assert "\ncannot certify: something is random" in capsys.readouterr().out


def test_a_certificate_may_be_given_up(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(run), "--delays", "4", "--episodes", "4", "--certify", "--certify-steps", "1"])
    assert "not decided within 1 steps" in " ".join(capsys.readouterr().out.split())
    assert json.loads((run / "evaluation.json").read_text())["certificate"]["holds"] is False


def test_environment_without_a_delay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path, "CartPole-v1")
    main([str(run), "--episodes", "3", "--certify"])
    written = json.loads((run / "evaluation.json").read_text())
    assert [row["delay"] for row in written["results"]] == [None]
    assert "cannot certify: the environment has no delay" in capsys.readouterr().out
    assert not (run / "evaluation.png").exists()
    assert "has no delay" in error_of([str(run), "--delays", "20"], capsys)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_attractors_are_drawn(
    tmp_path: Path, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", cell=cell, length=3)
    main([str(run), "--delays", "3", "--episodes", "2", "--attractors"])
    assert (run / "attractors.png").read_bytes().startswith(b"\x89PNG")
    # Untrained, it bumps into a wall.
    assert "\n2 cues, of which the agent never leaves 2: it still" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("env", "env_kwargs", "message"),
    [
        ("CartPole-v1", {}, "attractors=True must be left out: env='CartPole-v1' has no delay"),
        ("warmrl/TMaze-v0", {"stochasticity": 0.2}, "something is random after the start"),
    ],
)
def test_attractors_need_starts_that_can_be_enumerated(
    tmp_path: Path,
    env: str,
    env_kwargs: dict[str, Any],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = make_run(tmp_path / "run", env, **env_kwargs)
    assert message in error_of([str(run), "--attractors"], capsys)
    assert not (run / "evaluation.json").exists()


CERTIFY = ("--certify", "--certify-steps", "20")


def test_a_report_of_a_maze(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(run), "--delays", "3", "30", "--episodes", "2", "--report", *CERTIFY])
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<h2>Watch it remember</h2>" in page
    assert "<h2>Where the memory goes</h2>" in page
    assert "Not certified: " in page
    assert not (run / "attractors.png").exists()
    assert f"to look at: {run / 'report.html'}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("env", "env_kwargs", "replayed"),
    [("CartPole-v1", {}, False), ("warmrl/TMaze-v0", {"length": 3, "stochasticity": 0.2}, True)],
)
def test_a_report_where_there_are_no_cues(
    tmp_path: Path, env: str, env_kwargs: dict[str, Any], replayed: bool
) -> None:
    run = make_run(tmp_path / "run", env, **env_kwargs)
    main([str(run), "--episodes", "2", "--report"])
    page = (run / "report.html").read_text(encoding="utf-8")
    assert ("<h2>Watch it remember</h2>" in page) == replayed
    assert "<h2>Where the memory goes</h2>" not in page
    assert "<h2>The run</h2>" in page


def test_a_film_of_a_maze(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("imageio", reason="needs the extra: pip install 'warmrl[video]'")
    film = run / "film.gif"
    main([str(run), "--delays", "3", "--episodes", "2", "--video", str(film)])
    assert film.read_bytes().startswith(b"GIF89a")
    assert capsys.readouterr().out.endswith(f"to look at: {film}\n")
    assert not (run / "report.html").exists()


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "every delay, however long" in " ".join(out.replace("│", " ").split())
    assert "python evaluate.py runs/tmaze" in " ".join(out.split())


def test_an_environment_that_cannot_be_made_is_refused_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", "CartPole-v1")
    for env, env_kwargs, words in (
        ("Nothing-v0", {}, "env_id='Nothing-v0' must be one of"),
        ("CartPole-v1", {"depth": 3}, "env='CartPole-v1' cannot be made: "),
        ("MountainCar-v0", {}, "env='MountainCar-v0' has the spaces"),
        ("CartPole-v1", {"monitor_dir": str(tmp_path / "logs")}, "argument 'monitor_dir'"),
    ):
        config = {"train": {"env": env, "env_kwargs": env_kwargs}}
        (run / "config.json").write_text(
            json.dumps(json.loads((run / "config.json").read_text()) | config)
        )
        assert words in error_of([str(run)], capsys)
    assert not (tmp_path / "logs").exists()


def test_where_there_is_no_terminal_lines_say_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((100.0, 105.0, 110.5, 119.0, 121.0))
    monkeypatch.setattr("warmrl.evaluate.monotonic", lambda: next(clock))
    with progress_bar(2) as progress:
        for done in (0.1, 0.5, 1.0, 1.5):
            progress(done)
    said = capsys.readouterr().err
    assert said.splitlines() == ["evaluating: 25% after 10 s", "evaluating: 75% after 21 s"]


def test_endless_episodes_are_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", "CartPole-v1")
    main([str(run), "--episodes", "3", "--max-seconds", "1e-9"])
    out = capsys.readouterr().out
    assert (
        "3 of 3 episodes had not ended after 1 steps and were cut off there, because 1e-09" in out
    )
    for seconds in ("0", "-1", "nan"):
        words = f"max_seconds={float(seconds)} must be a positive number"
        assert words in error_of([str(run), "--max-seconds", seconds], capsys)
