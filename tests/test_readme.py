"""The README's Python runs as it stands, only shorter."""

import re
from pathlib import Path

import numpy as np
import pytest

from warmrl.agents import Agent
from warmrl.tests.pages import PAGES, ROOT, blocks


@pytest.mark.parametrize("package", ["warmrl.agents", "sb3_contrib"])
def test_ten_lines_in_a_pipeline(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = blocks("README.md", "python")
    assert len(code.split("\n\n")[1].splitlines()) <= 10
    for long, short in (
        ("from warmrl.agents import RecurrentPPO", f"from {package} import RecurrentPPO"),
        ("n_envs=64", "n_envs=4"),
        ("n_episodes=256", "n_episodes=16"),
        ("100_000", "256"),
    ):
        assert long in code
        code = code.replace(long, short)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    action = Agent.load("runs/mine").act(np.zeros((3, 9), np.float32))
    assert action.shape == (3,)


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)]+)\)", PAGES["README.md"])
    assert "docs/images/horizon.png" in links
    for link in links:
        assert (ROOT / link).is_file()
