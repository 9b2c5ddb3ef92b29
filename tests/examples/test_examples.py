"""Every example, as a user runs it, only shorter."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from warmrl.tests.examples.shorter import shorten_warmups, shortened

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
LOGGED = r"vaa_after +\| \d"
RUNS = {
    "callbacks.py": (["--total-timesteps", "1280", "--run-dir", "run"], LOGGED),
    "existing_model.py": (["--total-timesteps", "1"], r"lstm_critic.0: VAA [\d.]+ -> \d"),
    "own_environment.py": (["--total-timesteps", "1", "--n-envs", "2"], LOGGED),
    "own_training_loop.py": (["--n-updates", "2", "--length", "10"], r"2  mean square error \d"),
    "upstream_recurrent_ppo.py": (["--total-timesteps", "1"], r"length 10: success \d"),
}
SLOW = {"own_environment.py"}  # every process of it imports torch


def run(command: list[str], folder: Path) -> str:
    """What a command prints, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run() -> None:
    assert set(RUNS) == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.parametrize("name", sorted(set(RUNS) - SLOW))
def test_shortened(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    args, printed = RUNS[name]
    script = tmp_path / name
    script.write_text(shortened((EXAMPLES / name).read_text()))
    shorten_warmups(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *args])
    runpy.run_path(str(script), run_name="__main__")
    out = capsys.readouterr().out
    assert len(re.findall(printed, out)) == 1, out


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RUNS))
def test_as_it_stands(name: str, tmp_path: Path) -> None:
    args, printed = RUNS[name]
    out = run(["-W", "error", str(EXAMPLES / name), *args], tmp_path)
    assert re.search(printed, out), out


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("rl_zoo3") is None, reason="needs the extra: pip install warmrl[zoo]"
)
def test_rl_zoo(tmp_path: Path) -> None:
    """The commands at the head of the file, for a shorter time."""
    text = (EXAMPLES / "rl_zoo.yml").read_text().replace("examples/rl_zoo.yml", "rl_zoo.yml")
    (tmp_path / "rl_zoo.yml").write_text(text)
    head = "".join(re.findall(r"^#(.*\n)", text, re.MULTILINE)).replace("\\\n", "")
    train, enjoy = (c.split() for c in re.findall(r"python (-m rl_zoo3.*)", head))
    assert re.search(LOGGED, run([*train, "-n", "4096", "--eval-freq", "-1"], tmp_path))
    assert "Mean episode length" in run([*enjoy, "-n", "400"], tmp_path)
