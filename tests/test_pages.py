"""The pages: all their Python is run, and every command in them is understood."""

import re
import shlex

import pytest

from warmrl.command_line import parse
from warmrl.envs import TASKS
from warmrl.evaluate import EvaluateConfig
from warmrl.sweep import SweepConfig, definition_of
from warmrl.tests.pages import PAGES, ROOT, blocks
from warmrl.training import TrainCommand

RUN_BY = {
    "README.md": "test_readme.py",
    "docs/environments.md": "envs/test_environments_page.py",
    "docs/export.md": "agents/test_export_page.py",
    "docs/sharing.md": "sharing/test_hub.py",
    "docs/stable-baselines3.md": "examples/test_sb3_page.py",
    "docs/sweeps.md": "test_sweeps_page.py",
    "docs/your-environments.md": "test_your_environments_page.py",
}
PROGRAM = re.compile(
    r"^(?:python (train|evaluate|sweep)\.py|python -m warmrl\.(train|evaluate|sweep)|"
    r"warmrl-(train|evaluate|sweep))"
    r"(?= |$)(.*)$",
    re.MULTILINE,
)
COMMANDS = [
    (page, program or module or installed, arguments)
    for page in PAGES
    for code in blocks(page)
    for program, module, installed, arguments in PROGRAM.findall(code.replace("\\\n", " "))
    if "--tyro-" not in arguments
]
COMPARISON = "docs/comparison.md"


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_with_python_is_run_by_a_test(page: str) -> None:
    assert bool(blocks(page, "python")) == (page in RUN_BY)
    if page in RUN_BY:
        test = (ROOT / "tests" / RUN_BY[page]).read_text()
        assert f'blocks("{page}", "python")' in test


def test_commands_are_found() -> None:
    assert {script for _, script, _ in COMMANDS} == {"train", "evaluate", "sweep"}
    assert {"README.md", "docs/quickstart.md"} <= {page for page, *_ in COMMANDS}


@pytest.mark.parametrize(("page", "script", "arguments"), COMMANDS)
def test_a_command_is_understood(page: str, script: str, arguments: str) -> None:
    words = shlex.split(arguments, comments=True)
    if script == "evaluate":
        parse(EvaluateConfig, words, script="evaluate")
        return
    if script == "sweep":
        assert definition_of(parse(SweepConfig, words, script="sweep")).score == "success"
        return
    if "--track" in words:
        pytest.importorskip("wandb")
    config = parse(TrainCommand, words, script="train")
    if config.env in TASKS:
        TASKS[config.env](**config.env_arguments)


def test_what_is_compared_is_proven() -> None:
    proofs = re.findall(r"\[(test_\w+)\]\(\.\./(tests/[\w/]+\.py)\)", PAGES[COMPARISON])
    assert proofs
    for test, file in proofs:
        assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), (file, test)
    rows = [line for line in PAGES[COMPARISON].splitlines() if line.startswith("| **")]
    assert all("](../tests/" in row for row in rows)
    assert len(rows) >= 15
