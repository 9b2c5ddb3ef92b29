"""The recurrent networks of a model, each with the inputs that it reads along the trajectories."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ..checks import check_kind
from .features import policy_features
from .layers import Layer, State, find_layers
from .trajectories import Trajectories


@dataclass(frozen=True, eq=False)
class Network:
    """Recurrent layers on top of each other, and the inputs of the first one.

    :param layers: from the input upwards
    :param inputs: [T, N, I] on the device of the layers
    :param lengths: steps of each episode [N] on the CPU
    """

    layers: list[Layer]
    inputs: Tensor
    lengths: Tensor

    def reached(self, episodes: Tensor, cuts: Tensor) -> list[State]:
        """The state of every layer after the first steps of some episodes, with its gradient.

        :param episodes: which episodes [B]
        :param cuts: steps read of each [B]
        :return: for every layer a pair ``(h, c)``, each [1, B, H]
        """
        x = self._packed(episodes, cuts)
        states = []
        for layer in self.layers:
            out, state = layer.warmed(x)
            states.append(state)
            if layer is not self.layers[-1]:
                x = out if layer.warmed is layer.whole else layer.whole(x)[0]
        return states

    @torch.no_grad()
    def last_steps(self, episodes: Tensor, cuts: Tensor) -> list[tuple[Tensor, State]]:
        """The last of the first steps of some episodes, as every layer takes it.

        :param episodes: which episodes [B]
        :param cuts: steps read of each [B]
        :return: for every layer its input [B, I] in that step, and its state before, a pair
            ``(h, c)`` of [1, B, H]
        """
        begun = (cuts > 1).to(self.inputs)[:, None]  # (B, 1): before the first step all is zero
        before = self.reached(episodes, (cuts - 1).clamp(min=1))
        x = self._packed(episodes, cuts)
        last = (cuts - 1).to(self.inputs.device)
        read = self.inputs[last, episodes.to(self.inputs.device)]  # (B, I)
        steps = []
        for layer, (h, c) in zip(self.layers, before, strict=True):
            steps.append((read, (h * begun, c * begun)))
            x, (out, _) = layer.whole(x)
            read = out[0]
        return steps

    @torch.no_grad()
    def segment(self, n_steps: int, generator: torch.Generator) -> list[Tensor]:
        """What every layer reads during one stretch of experience.

        It starts at a random step of a random episode and goes on through further episodes, each
        from its reset, when that one is too short.

        :param n_steps: length of the stretch
        :param generator: source of the draw
        :return: for every layer [n_steps, I]
        """
        order = torch.randperm(len(self.lengths), generator=generator)
        ends = self.lengths[order].cumsum(0)
        start = int(torch.randint(int(ends[0]), (), generator=generator))
        laps, rest = divmod(start + n_steps, int(ends[-1]))
        n_last = int((ends < rest).sum()) + 1 if rest else 0
        episodes = torch.cat((order.repeat(laps), order[:n_last]))
        x = self._packed(episodes, self.lengths[episodes])
        read = [self._joined(x)]
        for layer in self.layers[:-1]:
            x, _ = layer.whole(x)
            read.append(self._joined(x))
        return [steps[start : start + n_steps] for steps in read]

    def _packed(self, episodes: Tensor, cuts: Tensor) -> PackedSequence:
        longest = int(cuts.max())
        chosen = self.inputs[:longest, episodes.to(self.inputs.device)]  # (longest, B, I)
        return pack_padded_sequence(chosen, cuts, enforce_sorted=False)

    @staticmethod
    def _joined(x: PackedSequence) -> Tensor:
        """Sequences one after the other, [sum of lengths, I]."""
        padded, lengths = pad_packed_sequence(x, batch_first=True)  # (B, T, I)
        valid = torch.arange(padded.shape[1]) < lengths[:, None]  # (B, T)
        return padded[valid.to(padded.device)]


def find_networks(target: Any, trajectories: Trajectories, partial: bool = True) -> list[Network]:
    """The recurrent networks of a model and what they read along the trajectories.

    :param target: an SB3 model or its policy with ``lstm_actor`` (and perhaps ``lstm_critic``),
        whose features extractor is applied first, or a recurrent network itself
    :param trajectories: observations of episodes; for a network itself, its inputs
    :param partial: whether only the first half of double layers is warmed up
    :raises TypeError: if there is no recurrent network, or the trajectories are something else
    :raises ValueError: if the trajectories do not fit
    """
    check_kind("trajectories", trajectories, Trajectories)
    policy = getattr(target, "policy", target)
    if hasattr(policy, "lstm_actor"):
        actor_inputs, critic_inputs = policy_features(policy, trajectories)
        read = {"lstm_actor": actor_inputs, "lstm_critic": critic_inputs}
        rnns = {name: getattr(policy, name, None) for name in read}
        if rnns["lstm_critic"] is rnns["lstm_actor"]:
            rnns["lstm_critic"] = None
    elif policy is target and isinstance(policy, nn.Module):
        if isinstance(trajectories.inputs, dict):
            raise ValueError(
                f"trajectories hold a dict of inputs; "
                f"a bare {type(target).__name__} reads one tensor [T, N, I]"
            )
        read = {"rnn": trajectories.inputs}
        rnns = {"rnn": policy}
    else:
        raise TypeError(
            f"policy {type(policy).__name__} has no recurrent layer "
            "(no attribute `lstm_actor`, and it is no nn.LSTM, nn.GRU or nn.RNN)"
        )
    return [
        _network(rnn, name, read[name], trajectories.lengths, partial)
        for name, rnn in rnns.items()
        if rnn is not None
    ]


def _network(rnn: nn.Module, name: str, inputs: Tensor, lengths: Tensor, partial: bool) -> Network:
    layers = find_layers(rnn, name, partial)
    width = layers[0].input_size
    if inputs.ndim != 3 or inputs.shape[2] != width:
        raise ValueError(
            f"trajectories have inputs of shape {tuple(inputs.shape[2:])}; "
            f"{name} reads inputs of width {width}"
        )
    like = next(rnn.parameters())
    return Network(layers, inputs.to(like.device, like.dtype), lengths)
