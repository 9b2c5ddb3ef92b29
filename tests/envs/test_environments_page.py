"""The page on environments names every id, with the defaults that it has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from warmrl.envs import TASKS, DelayedRecall
from warmrl.envs.arguments import delay_bounds
from warmrl.tests.pages import PAGES, blocks

PAGE = PAGES["docs/environments.md"]
ROWS = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `warmrl/")}


def test_every_id_has_a_row() -> None:
    assert list(ROWS) == list(TASKS)


@pytest.mark.parametrize("env_id", TASKS)
def test_a_row_states_the_delay_and_the_returns_of_its_task(env_id: str) -> None:
    task = TASKS[env_id]()
    columns = [column.strip() for column in ROWS[env_id].strip("|").split("|")]
    default, optimum, memoryless = columns[-4:-1]
    low, high = delay_bounds(task.delay)
    numbers = [int(number) for number in re.findall(r"\d+", default)]
    assert numbers[: 1 if low == high else 2] == ([low] if low == high else [low, high])
    assert float(optimum) == task.optimal_return
    stated = memoryless.replace("K", str(task.n_actions))
    numerator, _, rest = stated.partition("/")
    denominator, _, less = (rest or "1").partition(" - ")
    assert float(numerator) / float(denominator) - float(less or 0) == task.memoryless_return


def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    curriculum, tensors = blocks("docs/environments.md", "python")
    exec(compile(curriculum, "environments.md", "exec"), names := dict[str, Any]())
    assert names["env"].get_attr("task") == [DelayedRecall((2, 40), n_cues=3)] * 8
    exec(compile(tensors, "environments.md", "exec"), {})
    assert "torch.Size([8, 9])" in capsys.readouterr().out
