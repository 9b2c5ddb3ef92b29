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
Form: TypeAlias = tuple[str, str, str, dict[str, Any]]  # cell, seen, done, further settings
FAST = ("box", "discrete")  # to look at; of these a thousand are seen
TALL: dict[str, Any] = {"double": True, "n_lstm_layers": 2, "skip": True}
FORMS: list[Form] = [  # every cell, every kind of observation and every kind of action
    ("lstm", "image", "discrete", {}),
    ("gru", "dict", "discrete", {"double": True}),
    ("mgu", "discrete", "multidiscrete", {}),
    ("brc", "box", "box", {}),
    ("nbrc", "box", "discrete", TALL),
]
FURTHER: list[Form] = [
    *((cell, "box", "discrete", TALL) for cell in CELLS),
    ("lstm", "box", "discrete", {}),
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


@pytest.mark.parametrize(
    "form", [*FORMS, *(pytest.param(form, marks=pytest.mark.slow) for form in FURTHER)]
)
def test_every_cell_and_space_to_the_bit(
    make_policy: PolicyFactory, observations: Observations, tmp_path: Path, form: Form
) -> None:
    cell, seen, done, options = form
    agent = Agent(make_policy(seen, done, cell=cell, **options))
    export_program(agent, tmp_path / "policy.pt2")
    for n, n_steps in ((1, 1000 if seen in FAST else 50), (3, 20)):
        compare(agent, tmp_path / "policy.pt2", observations(seen, n, n_steps), n)


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
