"""A recurrent actor-critic as plain functions of its weights: one environment, one step."""

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from warmrl.agents import MlpRnnPolicy
from warmrl.tests.reference.cells import STEPS

Memory: TypeAlias = dict[str, list[tuple[Tensor, Tensor]]]
"""by the name of a trunk, ``(h, c)`` [H] of each of its layers"""


class Network:
    """What a policy computes for one observation [I] after another, in float64.

    :param policy: with discrete actions and no features extractor to speak of; its weights are
        copied, by name
    """

    def __init__(self, policy: MlpRnnPolicy) -> None:
        self.policy = policy  # of which only settings are read from here on
        self.weights = {
            name: p.detach().double().requires_grad_() for name, p in policy.named_parameters()
        }

    def blank(self) -> Memory:
        """What is remembered before an episode: nothing."""
        n_layers, _, width = self.policy.lstm_hidden_state_shape
        zero = torch.zeros(width, dtype=torch.float64)
        return {name: [(zero, zero)] * n_layers for name in ("lstm_actor", "lstm_critic")}

    def step(self, x: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Memory]:
        """Logits of the actions, the value and what is remembered afterwards."""
        policy, memory = self.policy, dict(memory)
        actor, memory["lstm_actor"] = self.trunk("lstm_actor", x, memory["lstm_actor"])
        if policy.lstm_critic is not None:
            critic, memory["lstm_critic"] = self.trunk("lstm_critic", x, memory["lstm_critic"])
        elif policy.shared_lstm:
            critic = actor if policy.value_gradient else actor.detach()
        else:
            critic = self.linear("critic", x)
        logits = self.linear("action_net", self.hidden("mlp_extractor.policy_net", actor))
        value = self.linear("value_net", self.hidden("mlp_extractor.value_net", critic))
        return logits, value[0], memory

    def trunk(
        self, name: str, x: Tensor, states: list[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Recurrent layers on top of each other, and with a skip the input beside the last."""
        seen, after = x, []
        for depth, (h, c) in enumerate(states):
            layer = self.under(f"{name}.layers.{depth}.")
            step = STEPS[self.policy.cell]
            if self.policy.double_layers:
                half = len(h) // 2
                warm = step(_under(layer, "warm."), x, h[:half], c[:half])
                cold = step(_under(layer, "cold."), x, h[half:], c[half:])
                h, c = (torch.cat(halves) for halves in zip(warm, cold, strict=True))
            else:
                h, c = step(layer, x, h, c)
            after.append((h, c))
            x = h
        return (torch.cat((x, seen)) if self.policy.skip else x), after

    def hidden(self, name: str, x: Tensor) -> Tensor:
        """Fully connected layers with tanh, as many as there are."""
        for index in range(0, len(self.under(f"{name}.")), 2):
            x = torch.tanh(self.linear(f"{name}.{index}", x))
        return x

    def linear(self, name: str, x: Tensor) -> Tensor:
        """A matrix and a bias."""
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        total: Tensor = weight @ x + bias
        return total

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The weights whose names begin so, without that beginning."""
        return _under(self.weights, prefix)


def _under(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }
