"""One step of a trained recurrent policy: the map that is deployed, and certified."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BaseModel
from torch import Tensor

from . import kernels
from .cells import Cell, Step, Weights
from .layers import RecurrentStack, State, check_layers
from .policies import MlpRnnPolicy

Observation: TypeAlias = Any  # [N, ...] tensor, or a dict of them


class PolicyStep:
    """A pure function ``(observation, state) -> (action distribution's input, state)``.

    Holds a snapshot of the recurrent weights, with the halves of double layers already joined, so
    that a step is only the cell's equations; later changes of the trunk do not reach it.

    :param policy: one of this package's policies
    :param trunk: the trunk to step, the actor's if absent
    """

    def __init__(self, policy: MlpRnnPolicy, trunk: RecurrentStack | None = None) -> None:
        self.policy = policy
        self.layers: list[tuple[type[Cell], Weights]] = [
            (
                layer.cell,
                {name: weight.detach().clone() for name, weight in layer.weights().items()},
            )
            for layer in (trunk or policy.lstm_actor).layers
        ]
        self.steps = self._steps(trunk or policy.lstm_actor)
        self._fits: list[torch.Size] = []

    def _steps(self, _: RecurrentStack) -> list[Step]:
        """A function for each layer, ``(x, h, c) -> (h, c)``."""
        return [kernels.step(cell, weights) for cell, weights in self.layers]

    def initial_state(self, n: int) -> State:
        """The state ``(h, c)`` before an episode, each [layers, n, H]."""
        layers, _, width = self.policy.lstm_hidden_state_shape
        zeros = torch.zeros(layers, n, width, device=self.policy.device)
        return zeros, zeros

    def features(self, observation: Observation) -> Tensor:
        """What the trunk sees of an observation [N, I]."""
        extractor = self.policy.pi_features_extractor
        features: Tensor = BaseModel.extract_features(self.policy, observation, extractor)
        return features

    def advance(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """One step of the trunk.

        :param features: [N, I]
        :param state: ``(h, c)``, each [layers, N, H]
        :return: what the heads see [N, H or H + I] and the next state
        """
        if self._fits != (shapes := [part.shape for part in state]):
            check_layers(state, len(self.steps), self.policy.lstm_hidden_state_shape[-1])
            self._fits = shapes
        h, c = [], []
        x = features
        for depth, step in enumerate(self.steps):
            x, own_c = step(x, state[0][depth], state[1][depth])
            h.append(x)
            c.append(own_c)
        return self.seen(x, features), (_joined(h), _joined(c))

    def seen(self, h: Tensor, features: Tensor) -> Tensor:
        """What the heads see: the last layer's h [N, H], perhaps with the features beside it."""
        return torch.cat((h, features), dim=-1) if self.policy.skip else h

    def act(self, trunk: Tensor, deterministic: bool = True) -> Tensor:
        """Actions from the trunk's output.

        :param trunk: what the heads see [N, H or H + I]
        :param deterministic: the mode rather than a sample, which draws from torch's generator
        :return: actions [N, ...]
        """
        if deterministic and isinstance(self.policy.action_space, spaces.Discrete):
            return self.scores(trunk).argmax(dim=-1)
        latent = self.policy.mlp_extractor.forward_actor(trunk)
        distribution = self.policy._get_action_dist_from_latent(latent)
        actions: Tensor = distribution.get_actions(deterministic=deterministic)
        return actions

    def scores(self, trunk: Tensor) -> Tensor:
        """What the action distribution is made of: logits, or the mean of a Gaussian [N, ...].

        :param trunk: what the heads see [N, H or H + I]
        """
        scores: Tensor = self.policy.action_net(self.policy.mlp_extractor.forward_actor(trunk))
        return scores

    @torch.no_grad()
    def __call__(
        self, observation: Observation, state: State, deterministic: bool = True
    ) -> tuple[Tensor, State]:
        """Actions [N, ...] and the next state.

        :param observation: [N, ...]
        :param state: ``(h, c)``, each [layers, N, H]
        :param deterministic: the mode rather than a sample
        """
        trunk, state = self.advance(self.features(observation), state)
        return self.act(trunk, deterministic), state


class PredictStep(PolicyStep):
    """The same by ``policy.predict``, for a policy that overrides what a :class:`PolicyStep` does.

    :param policy: the policy
    """

    def __init__(self, policy: MlpRnnPolicy) -> None:
        self.policy = policy
        self.layers = []

    @torch.no_grad()
    def __call__(
        self, observation: Observation, state: State, deterministic: bool = True
    ) -> tuple[Tensor, State]:
        """See :meth:`PolicyStep.__call__`."""
        seen: Any = (
            {key: part.cpu().numpy() for key, part in observation.items()}
            if isinstance(observation, dict)
            else observation.cpu().numpy()
        )
        before = tuple(part.cpu().numpy() for part in state)
        starts = np.zeros(before[0].shape[1], dtype=np.bool_)
        actions, after = self.policy.predict(seen, before, starts, deterministic)
        device = self.policy.device
        h, c = (torch.as_tensor(part, device=device) for part in after)
        return torch.as_tensor(actions, device=device), (h, c)


def versions(weights: Iterable[Tensor]) -> list[tuple[int, int]]:
    """Which memory weights are in, and how often each was written to other than by ``.data``."""
    return [(weight.data_ptr(), weight._version) for weight in weights]


def _joined(layers: list[Tensor]) -> Tensor:
    """States of all layers [layers, N, H], without a copy if there is but one."""
    return layers[0][None] if len(layers) == 1 else torch.stack(layers)
