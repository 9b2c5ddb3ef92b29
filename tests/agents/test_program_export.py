"""Policies exported as programs act bit by bit as they do here, step after step."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import torch

from warmrl.agents import CELLS, Agent, MlpRnnPolicy
from warmrl.agents.program_export import SPACES_FILE, export_program
from warmrl.agents.space_json import space_from_json
from warmrl.tests.test_evaluate_script import make_run

PolicyFactory: TypeAlias = Callable[..., MlpRnnPolicy]
Observations: TypeAlias = Callable[[str, int, int], list[Any]]
FURTHER = [("lstm", False, 1, False), ("gru", True, 1, False)]
SHAPES = [
    *((cell, True, 2, True) for cell in CELLS),
    *(pytest.param(*shape, marks=pytest.mark.slow) for shape in FURTHER),
]

STRANGER = """
import sys, torch
step = torch.export.load(sys.argv[1]).module()
h = c = torch.zeros(1, 1, 64)
action, logits, h, c = step(torch.zeros(1, 9), h, c)
print("warmrl" in sys.modules, "stable_baselines3" in sys.modules, tuple(logits.shape))
"""


@torch.no_grad()
def compare(agent: Agent, path: Path, stream: list[Any], n: int) -> None:
    """Both carry a memory of their own."""
    step = torch.export.load(path).module()
    state = agent.step.initial_state(n)
    h, c = state
    agent.reset()
    for observation in stream:
        tensor, _ = agent.policy.obs_to_tensor(observation)
        trunk, state = agent.step.advance(agent.step.features(tensor), state)
        action, *logits, h, c = step(tensor, h, c)
        assert torch.equal(h, state[0])
        assert torch.equal(c, state[1])
        for part in logits:
            assert torch.equal(part, agent.step.scores(trunk))
        wanted = agent.act(observation)
        assert action.shape == wanted.shape
        assert torch.equal(action, torch.as_tensor(wanted))


@pytest.mark.parametrize(("cell", "double", "layers", "skip"), SHAPES)
def test_a_thousand_steps_in_every_cell_to_the_bit(
    make_policy: PolicyFactory,
    observations: Observations,
    tmp_path: Path,
    cell: str,
    double: bool,
    layers: int,
    skip: bool,
) -> None:
    agent = Agent(make_policy(cell=cell, double=double, n_lstm_layers=layers, skip=skip))
    export_program(agent, tmp_path / "policy.pt2")
    for n, n_steps in ((1, 1000), (3, 20)):
        compare(agent, tmp_path / "policy.pt2", observations("box", n, n_steps), n)


@pytest.mark.parametrize(
    ("seen", "done"),
    [("image", "discrete"), ("dict", "discrete"), ("discrete", "multidiscrete"), ("box", "box")],
)
def test_every_space(
    make_policy: PolicyFactory, observations: Observations, tmp_path: Path, seen: str, done: str
) -> None:
    agent = Agent(make_policy(seen, done=done))
    export_program(agent, tmp_path / "policy.pt2")
    compare(agent, tmp_path / "policy.pt2", observations(seen, 4, 10), 4)


def test_what_its_file_says(make_policy: PolicyFactory, tmp_path: Path) -> None:
    policy = make_policy()
    before = torch.get_rng_state()
    texts = []
    for name in ("first.pt2", "second.pt2"):
        export_program(policy, tmp_path / name)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    assert torch.equal(torch.get_rng_state(), before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.pt2", "second.pt2"]
    extra = {SPACES_FILE: ""}
    torch.export.load(tmp_path / "first.pt2", extra_files=extra)
    for name, space in json.loads(extra[SPACES_FILE]).items():
        assert space_from_json(space) == getattr(policy, name)
    with zipfile.ZipFile(tmp_path / "first.pt2") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert str(Path(torch.__file__).parent).encode() not in everything


@pytest.mark.slow
def test_it_runs_where_only_torch_is(tmp_path: Path) -> None:
    export_program(Agent.load(make_run(tmp_path, length=3)), tmp_path / "policy.pt2")
    command = (sys.executable, "-I", "-c", STRANGER, str(tmp_path / "policy.pt2"))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False False (1, 4)\n"
