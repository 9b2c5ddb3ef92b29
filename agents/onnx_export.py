"""A policy as an ONNX file, its memory an input and an output: what runs where torch does not."""

import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor, nn

from .agent import Agent
from .policies import MlpRnnPolicy
from .policy_step import Observation
from .whole_file import whole_file

NEEDED = ("onnx", "onnxscript")  # what torch.onnx.export imports


def export_onnx(source: Agent | MlpRnnPolicy | BaseAlgorithm, path: str | Path) -> None:
    """Write one greedy step of a policy as an ONNX graph, whole or not at all.

    The caller carries the memory: N episodes are N rows, and a row of zeros starts a new one. With
    L layers of width H, observations of shape I and actions of shape A:

    - inputs ``observation`` [N, I], ``h`` and ``c`` [L, N, H]; a ``Dict`` observation is one input
      ``observation.KEY`` for each of its keys
    - outputs ``action`` [N, A], which is what :meth:`~warmrl.agents.Agent.act` returns; ``logits``
      [N, sum of choices] unless the actions are a ``Box``; ``next_h`` and ``next_c`` [L, N, H]

    The signature is the same for every cell: where there is no cell state, ``c`` is passed through.
    The two spaces are in the file's metadata, as in ``config.json``.

    :param source: an agent, or what makes one
    :param path: the file
    :raises ModuleNotFoundError: without the packages of the extra ``onnx``
    :raises TypeError: if the source has no recurrent policy of this package
    :raises ValueError: if it has parts that JSON cannot describe, see :meth:`Agent.describe`
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"ONNX export needs {' and '.join(missing)}; install them: pip install 'warmrl[onnx]'"
        )
    agent = source if isinstance(source, Agent) else Agent(source)
    described = agent.describe()
    graph = _OneStep(agent).eval()
    seen = _blank(agent)
    # Two rows, since torch takes a size of 1 for a constant; and a copy each, since it takes two
    # arguments that are one tensor for a single input.
    h, c = (part.clone() for part in agent.step.initial_state(2))
    n = torch.export.Dim("n")
    keys = list(seen) if isinstance(seen, dict) else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter deprecates itself
        program = torch.onnx.export(
            graph,
            (seen, h, c),
            dynamo=True,
            verbose=False,
            input_names=[*([f"observation.{key}" for key in keys] or ["observation"]), "h", "c"],
            output_names=[*graph.names, "next_h", "next_c"],
            dynamic_shapes=({key: {0: n} for key in keys} or {0: n}, {1: n}, {1: n}),
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # paths of the machine that exported
    for name in ("observation_space", "action_space"):
        model.metadata_props.add(key=name, value=json.dumps(described[name]))
    with whole_file(Path(path)) as partial:
        partial.write_bytes(model.SerializeToString())


class _OneStep(nn.Module):
    """The graph: ``(observation, h, c) -> (action, logits where there are some, h, c)``."""

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self.policy = agent.policy
        self.step = agent.step
        self.continuous = isinstance(agent.action_space, spaces.Box)

    @property
    def names(self) -> list[str]:
        """What it returns before the memory."""
        return ["action"] if self.continuous else ["action", "logits"]

    def forward(self, observation: Observation, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        trunk, state = self.step.advance(self.step.features(observation), (h, c))
        scores = self.step.scores(trunk)
        action = _performed(self.policy, scores).reshape(
            -1, *(self.policy.action_space.shape or ())
        )
        return (action, *state) if self.continuous else (action, scores, *state)


def _performed(policy: MlpRnnPolicy, scores: Tensor) -> Tensor:
    """The greedy action in the environment's own range, in operations that ONNX has.

    :param scores: logits, or the mean of a Gaussian [N, ...]
    """
    space = policy.action_space
    if isinstance(space, spaces.Discrete):
        return scores.argmax(dim=-1)
    if isinstance(space, spaces.MultiDiscrete):
        parts = torch.split(scores, space.nvec.flatten().tolist(), dim=-1)
        return torch.stack([part.argmax(dim=-1) for part in parts], dim=-1)
    if isinstance(space, spaces.MultiBinary):
        return scores.sigmoid().round()
    low, high = (torch.as_tensor(end).flatten().to(scores) for end in (space.low, space.high))
    if policy.squash_output:
        return low + 0.5 * (scores.tanh() + 1.0) * (high - low)
    return scores.clamp(low, high)


def _blank(agent: Agent) -> Observation:
    """Two observations of nothing but zeros."""

    def zeros(space: spaces.Space[Any]) -> Any:
        return np.zeros((2, *(space.shape or ())), space.dtype)

    space = agent.observation_space
    blank: Any = zeros(space)
    if isinstance(space, spaces.Dict):
        blank = {key: zeros(part) for key, part in space.items()}
    return agent.policy.obs_to_tensor(blank)[0]
