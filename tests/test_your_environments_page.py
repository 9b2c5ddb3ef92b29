"""The page on environments of one's own: its module works, with its command."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from warmrl.tests.pages import PAGES, blocks
from warmrl.train import main

CODE = blocks("docs/your-environments.md", "python")
MODULES = {code.splitlines()[0].removeprefix("# ").removesuffix(".py"): code for code in CODE}
COMMANDS = {
    name: line
    for line in PAGES["docs/your-environments.md"].splitlines()
    for name in MODULES
    if line.startswith(f"python -m warmrl.train --env {name}:")
}
NEEDED = {"wrapped": "popgym", "rooms": "minigrid"}
SHORT = (
    *("--n-steps", "16", "--hidden-size", "8", "--total-timesteps", "512"),
    *("--warmup-steps", "2", "--warmup-episodes", "8", "--eval-episodes", "4"),
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for env_id in [env_id for env_id in gymnasium.registry if env_id.startswith("mine/")]:
        del gymnasium.registry[env_id]
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_of_ones_own(name: str) -> None:
    words = shlex.split(COMMANDS[name])
    if name in NEEDED:
        pytest.importorskip(NEEDED[name], reason=f"needs the extra {NEEDED[name]}")
    Path(f"{name}.py").write_text(MODULES[name])
    main([*words[words.index("--env") :], *SHORT, "--run-dir", "run"])
    (row,) = json.loads(Path("run/evaluation.json").read_text())["results"]
    assert (row["success_rate"] is None) == (name in NEEDED)
    assert row["episodes"] == 4
