"""A wheel, installed where nothing else of the project is, beside packages with names like ours."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = (
    *("--length", "3", "--n-envs", "8", "--n-steps", "16", "--hidden-size", "8"),
    *("--total-timesteps", "256", "--warmup-steps", "2", "--warmup-episodes", "8"),
    *("--eval-delays", "3", "9", "--eval-episodes", "4", "--run-dir", "run"),
)
PIPELINE = """
import agents, envs, warmrl
assert (agents.WHOSE, envs.WHOSE) == ("theirs", "theirs")
print(warmrl.__file__)
from sb3_contrib import RecurrentPPO
from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import make_vec_env
from warmrl.warmup import WarmupCallback
env = make_vec_env("warmrl/TMaze-v0", n_envs=4, seed=0, length=3)
model = RecurrentPPO(MlpRnnPolicy, env, n_steps=16, batch_size=32, seed=0)
model.learn(64, callback=WarmupCallback(n_episodes=8, config={"n_steps": 2}))
Agent(model).save("mine")
"""


def called(*command: str | Path, cwd: Path) -> str:
    """What a program prints, started without any of our paths."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_wheel_works_beside_others(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    called(*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    venv.create(installed)
    programs = installed / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    called(*pip, "--python", python, "install", "--no-deps", wheel, cwd=tmp_path)
    (package,) = installed.rglob("warmrl/__init__.py")
    # What we depend on is taken from here; a path in a .pth file brings no editable install along.
    dependencies = [path for path in sys.path if path.endswith("site-packages")]
    (package.parents[1] / "dependencies.pth").write_text("\n".join(dependencies))
    elsewhere = tmp_path / "elsewhere"
    for name in ("agents", "envs"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "__init__.py").write_text("WHOSE = 'theirs'\n")

    said = called(programs / "warmrl-train", *SMALL, cwd=elsewhere)
    assert "saved in run; try: warmrl-evaluate run --certify" in said
    assert (elsewhere / "run" / "model.zip").is_file()
    called(programs / "warmrl-evaluate", "run", "--delays", "4", cwd=elsewhere)
    results = json.loads((elsewhere / "run/evaluation.json").read_text())["results"]
    assert [row["delay"] for row in results] == [4]
    again = called(python, "-m", "warmrl.evaluate", "run", "--delays", "5", cwd=elsewhere)
    assert "length" in again
    assert Path(called(python, "-c", PIPELINE, cwd=elsewhere).strip()) == package
    assert (elsewhere / "mine" / "policy.safetensors").is_file()
