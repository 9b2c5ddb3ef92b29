"""The page on Stable-Baselines3 pipelines: its Python runs, and it says what the examples say."""

import re
from pathlib import Path
from typing import Any

import pytest

from warmrl.tests.examples.shorter import shorten_warmups, shortened
from warmrl.tests.pages import PAGES, ROOT, blocks

PAGE = "docs/stable-baselines3.md"
EXAMPLES = ROOT / "examples"


def test_its_python_runs_block_after_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shorten_warmups(monkeypatch)
    names: dict[str, Any] = {}
    for code in blocks("docs/stable-baselines3.md", "python"):
        short = shortened(code).replace("200_000", "64").replace("10_000", "16")
        exec(compile(short, "stable-baselines3.md", "exec"), names)
    assert names["model"].num_timesteps == 2 * 64
    assert len(list(Path("runs/checkpoints").iterdir())) == 2
    assert names["result"].n_steps == 2


def test_the_zoo_is_told_what_the_example_has() -> None:
    example = (EXAMPLES / "rl_zoo.yml").read_text()
    (settings,) = blocks(PAGE, "yaml")
    assert set(settings.splitlines()) <= set(example.splitlines())
    (commands,) = blocks(PAGE)
    assert commands.split() == " ".join(re.findall(r"^#   +(.*)", example, re.MULTILINE)).split()


def test_it_links_every_example() -> None:
    linked = set(re.findall(r"\]\(\.\./examples/([^)]+)\)", PAGES[PAGE]))
    assert linked == {path.name for path in EXAMPLES.iterdir() if path.is_file()}
