"""One greedy step of a policy as a graph: what an exported file computes."""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from .agent import Agent
from .overrides import PREDICT_HOOKS, overridden
from .policies import MlpRnnPolicy
from .policy_step import Observation


class ExportedStep(nn.Module):
    """The graph: ``(observation, h, c) -> (action, logits where there are some, h, c)``.

    :param agent: whose policy it is
    :raises ValueError: if the policy acts in its own way
    """

    def __init__(self, agent: Agent) -> None:
        super().__init__()
        if changed := overridden(agent.policy) & {*PREDICT_HOOKS}:
            raise ValueError(
                f"policy with other {', '.join(sorted(changed))} than the library's cannot be "
                "exported"
            )
        self.policy = agent.policy
        self.step = agent.step
        self.continuous = isinstance(agent.action_space, spaces.Box)
        space = agent.observation_space
        self.keys = list(space) if isinstance(space, spaces.Dict) else []
        self.eval()

    @property
    def input_names(self) -> list[str]:
        """What it is called with; of a ``Dict`` observation each part."""
        return [*([f"observation.{key}" for key in self.keys] or ["observation"]), "h", "c"]

    @property
    def output_names(self) -> list[str]:
        """What it returns."""
        return ["action", *([] if self.continuous else ["logits"]), "next_h", "next_c"]

    @property
    def dynamic_shapes(self) -> tuple[Any, ...]:
        """Which dimension of each input is the number of episodes."""
        n = torch.export.Dim("n")
        return ({key: {0: n} for key in self.keys} or {0: n}, {1: n}, {1: n})

    @property
    def blank(self) -> tuple[Observation, Tensor, Tensor]:
        """Inputs of nothing but zeros.

        Two episodes, since torch takes a size of 1 for a constant; and a copy each of h and c,
        since it takes two arguments that are one tensor for a single input.
        """

        def zeros(space: spaces.Space[Any]) -> Any:
            return np.zeros((2, *(space.shape or ())), space.dtype)

        space = self.policy.observation_space
        seen: Any = zeros(space)
        if isinstance(space, spaces.Dict):
            seen = {key: zeros(part) for key, part in space.items()}
        h, c = (part.clone() for part in self.step.initial_state(2))
        return self.policy.obs_to_tensor(seen)[0], h, c

    def forward(self, observation: Observation, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        """One step; see the class."""
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
