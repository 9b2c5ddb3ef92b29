"""Recurrent actor-critic policies for Stable-Baselines3, with any cell."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
    NatureCNN,
)
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn
from torch.autograd.graph import increment_version
from torch.nn.utils.rnn import PackedSequence
from torch.optim import Optimizer

from ..checks import check_flag, check_integer
from .cells import find_cell
from .initialisers import find_initialiser
from .layers import RecurrentStack, State, check_rows
from .overrides import fast_paths, linear_action_net, with_fast_paths
from .sequence_buffer import PackedStates


@with_fast_paths
class MlpRnnPolicy(RecurrentActorCriticPolicy):
    """A recurrent policy for ``RecurrentPPO``, sb3-contrib's or ours.

    Takes every argument of sb3-contrib's ``MlpLstmPolicy``, and:

    :param cell: recurrent cell, a name in :data:`~warmrl.agents.CELLS`
    :param double: whether each layer is two half-width cells side by side, of which only the first
        is warmed up (Lambrechts et al. 2023, "double layer")
    :param skip: whether actor and critic see the features beside the recurrent state, so that what
        is seen now need not go through the memory; by default with cells that have a cell state
    :param init: initial weights of the recurrent layers, a name in
        :data:`~warmrl.agents.INITIALISERS`
    :param init_kwargs: its options
    :param lstm_hidden_size: width of each recurrent layer, whatever its cell
    :param n_lstm_layers: number of recurrent layers
    :param shared_lstm: whether actor and critic share one recurrent trunk; by default they do,
        unless ``enable_critic_lstm`` asks for a second one or each has its own features extractor
    :param enable_critic_lstm: whether the critic has a recurrent trunk of its own; by default it
        has one if each has its own features extractor and ``shared_lstm`` is left out
    :param lstm_kwargs: ``{"dropout": p}``, between recurrent layers in training mode
    :param value_gradient: whether the value loss trains a shared trunk too (not in sb3-contrib);
        for returns of about 1, larger ones drown the policy
    :param action_prior: probabilities of the discrete actions before any training, ``None`` for
        about uniform; starting as the environment's exploration policy finds rewards sooner
    :raises ValueError: if cell or initialisation is unknown or they do not go together, a size is
        too small, ``lstm_kwargs`` are not understood, the prior does not fit the action space,
        actions or discrete observations do not start at 0, or the observation space is another
        policy's
    :raises TypeError: if a size is no int, or a choice not True or False
    """

    default_features_extractor: ClassVar[type[BaseFeaturesExtractor]] = FlattenExtractor

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *args: Any,
        cell: str = "gru",
        double: bool = True,
        skip: bool | None = None,
        init: str = "default",
        init_kwargs: Mapping[str, float] | None = None,
        lstm_hidden_size: int = 64,
        n_lstm_layers: int = 1,
        shared_lstm: bool | None = None,
        enable_critic_lstm: bool | None = None,
        share_features_extractor: bool = True,
        value_gradient: bool = False,
        action_prior: Sequence[float] | None = None,
        net_arch: list[int] | dict[str, list[int]] | None = None,
        lstm_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        reads_dicts = self.default_features_extractor is CombinedExtractor
        own_extractor = "features_extractor_class" in kwargs
        if not own_extractor and reads_dicts != isinstance(observation_space, spaces.Dict):
            raise ValueError(
                f"observation_space={observation_space} does not suit {type(self).__name__}; "
                "MultiInputRnnPolicy is for Dict spaces, and it alone"
            )
        self.cell = cell
        self.double_layers = check_flag("double", double)
        self.skip = find_cell(cell).cell_state if skip is None else check_flag("skip", skip)
        options = dict(init_kwargs or {})
        self.initialiser = partial(find_initialiser(init, **options), **options)
        self.value_gradient = check_flag("value_gradient", value_gradient)
        if isinstance(action_prior, str):
            raise TypeError(f"action_prior={action_prior!r} must be probabilities of the actions")
        self.action_prior = None if action_prior is None else tuple(map(float, action_prior))
        if self.action_prior is not None:
            _check_prior(self.action_prior, action_space)
        check_integer("lstm_hidden_size", lstm_hidden_size, 1)
        check_integer("n_lstm_layers", n_lstm_layers, 1)
        if not set(lstm_kwargs or ()) <= {"dropout"}:
            raise ValueError(
                f"lstm_kwargs={lstm_kwargs} must have nothing but 'dropout': other options of "
                "torch's nn.LSTM are none of this policy's"
            )
        check_starts("observation_space", observation_space)
        check_starts("action_space", action_space)
        if shared_lstm and enable_critic_lstm:
            raise ValueError(
                "shared_lstm=True and enable_critic_lstm=True exclude each other: the critic has a "
                "recurrent trunk of its own or shares the actor's"
            )
        if shared_lstm and not share_features_extractor:
            raise ValueError(
                "shared_lstm=True and share_features_extractor=False exclude each other: a shared "
                "trunk reads the features of one extractor"
            )
        if enable_critic_lstm is None:
            enable_critic_lstm = shared_lstm is None and not share_features_extractor
        if shared_lstm is None:
            shared_lstm = share_features_extractor and not enable_critic_lstm
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            *args,
            net_arch=[] if net_arch is None else net_arch,
            lstm_hidden_size=lstm_hidden_size,
            n_lstm_layers=n_lstm_layers,
            shared_lstm=shared_lstm,
            enable_critic_lstm=enable_critic_lstm,
            share_features_extractor=share_features_extractor,
            lstm_kwargs=lstm_kwargs,
            **({"features_extractor_class": self.default_features_extractor} | kwargs),
        )
        self.lstm_actor: RecurrentStack = self._build_trunk()
        self.lstm_critic: RecurrentStack | None = (
            self._build_trunk() if enable_critic_lstm else None
        )
        self.critic: nn.Linear | None
        if self.critic is not None:  # it stands in for a trunk, and must be as wide
            self.critic = nn.Linear(self.features_dim, self.lstm_output_dim)
        if self.action_prior is not None:
            self.action_net.bias.data.copy_(torch.tensor(self.action_prior).log())
        if self.optimizer_class is torch.optim.Adam and not kwargs.get("optimizer_kwargs"):
            self.optimizer_kwargs["fused"] = True  # the same steps, all parameters in one call
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )
        self.optimizer.register_step_post_hook(_count_change)

    def make_features_extractor(self) -> BaseFeaturesExtractor:
        """See SB3. Of ``MultiDiscrete`` it makes the width a NumPy integer, which torch refuses."""
        extractor: BaseFeaturesExtractor = super().make_features_extractor()
        extractor._features_dim = int(extractor._features_dim)
        return extractor

    def _build_trunk(self) -> RecurrentStack:
        n_layers, _, hidden_size = self.lstm_hidden_state_shape
        return RecurrentStack(
            self.cell,
            self.features_dim,
            hidden_size,
            n_layers,
            self.double_layers,
            self.initialiser,
            self.skip,
            self.lstm_kwargs.get("dropout", 0.0),
        )

    def _build_mlp_extractor(self) -> None:
        if self.skip:
            self.lstm_output_dim += self.features_dim
        super()._build_mlp_extractor()

    def _get_constructor_parameters(self) -> dict[str, Any]:
        n_layers, _, hidden_size = self.lstm_hidden_state_shape
        data: dict[str, Any] = super()._get_constructor_parameters()
        return data | {
            "cell": self.cell,
            "double": self.double_layers,
            "skip": self.skip,
            "lstm_hidden_size": hidden_size,
            "n_lstm_layers": n_layers,
            "shared_lstm": self.shared_lstm,
            "enable_critic_lstm": self.enable_critic_lstm,
            "share_features_extractor": self.share_features_extractor,
            "value_gradient": self.value_gradient,
            "action_prior": self.action_prior,
            "lstm_kwargs": self.lstm_kwargs,
        }

    @staticmethod
    def _process_sequence(
        features: Tensor, lstm_states: State, episode_starts: Tensor, lstm: nn.Module
    ) -> tuple[Tensor, State]:
        """Run a trunk over sequences, resetting its state wherever an episode starts.

        One call of the trunk per stretch without a reset: a single one whenever episodes start at
        the first step only, as in every minibatch of a recurrent rollout buffer.

        :param features: [n_seq * T, I], sequence after sequence
        :param lstm_states: ``(h, c)``, each [layers, n_seq, H]
        :param episode_starts: 1 where a step starts an episode [n_seq * T]
        :return: hidden states [n_seq * T, H] and the last ``(h, c)``
        :raises ValueError: if they do not fit each other
        """
        n_seq = check_rows(features, lstm_states, episode_starts)
        h, c = lstm_states
        x = features.reshape(n_seq, -1, features.shape[-1]).swapaxes(0, 1)  # (T, n_seq, I)
        starts = episode_starts.reshape(n_seq, -1).swapaxes(0, 1)  # (T, n_seq)
        resets = [0]
        if len(x) > 1:
            resets += (starts[1:].any(dim=1).nonzero().flatten() + 1).tolist()
        outputs = []
        for first, after in zip(resets, [*resets[1:], len(x)], strict=True):
            keep = (1.0 - starts[first])[None, :, None]
            out, (h, c) = lstm(x[first:after], (keep * h, keep * c))
            outputs.append(out)
        whole = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return whole.transpose(0, 1).flatten(0, 1), (h, c)

    def obs_to_tensor(self, observation: Any) -> tuple[Any, bool]:
        """See SB3's ``BaseModel.obs_to_tensor``.

        :raises ValueError: if the observation is of another kind than the space, for example the
            pair ``(obs, info)`` that Gymnasium's ``reset`` returns; if parts of a ``Dict`` are
            missing, unknown, or of different numbers of environments
        """
        _check_kind(observation, self.observation_space)
        converted: tuple[Any, bool] = super().obs_to_tensor(observation)
        if isinstance(converted[0], dict):
            sizes = {key: len(part) for key, part in converted[0].items()}
            if len(set(sizes.values())) > 1:
                raise ValueError(f"observation has parts of {sizes} environments; they must agree")
        return converted

    def _predict(
        self,
        observation: Tensor | dict[str, Tensor],
        lstm_states: State,
        episode_starts: Tensor,
        deterministic: bool = False,
    ) -> tuple[Tensor, State]:
        """What ``predict`` does; a state of fewer environments would pass for one of sequences.

        :param episode_starts: one flag for each environment, or a single one for all
        :raises ValueError: if state or episode starts do not fit the policy or the number of
            environments
        """
        n = len(next(iter(observation.values())) if isinstance(observation, dict) else observation)
        layers, _, width = self.lstm_hidden_state_shape
        for name, part in zip("hc", lstm_states, strict=True):
            if part.ndim == 3 and part.shape[1] != n:
                raise ValueError(
                    f"state is of {part.shape[1]} environments; it must be of {n}, as the "
                    "observation is"
                )
            if part.shape != (layers, n, width):
                raise ValueError(
                    f"state {name} of shape {tuple(part.shape)} must be {(layers, n, width)}: "
                    "layers, environments, units"
                )
        if episode_starts.ndim == 0:
            episode_starts = episode_starts.expand(n)
        if episode_starts.numel() != n:
            raise ValueError(
                f"episode_start is of {episode_starts.numel()} environments; it must be of {n}, as "
                "the observation is"
            )
        predicted: tuple[Tensor, State] = super()._predict(
            observation, lstm_states, episode_starts.flatten(), deterministic
        )
        return predicted

    def latents(
        self,
        obs: Tensor | dict[str, Tensor],
        lstm_states: RNNStates | PackedStates,
        episode_starts: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """What comes out of the trunks of actor and critic, along whole sequences [S, L] each.

        :param obs: observations [S, ...], sequence after sequence, or packed
        :param lstm_states: the states before each sequence
        :param episode_starts: [S]
        """

        def run(features: Tensor, state: State, trunk: nn.Module) -> Tensor:
            if isinstance(lstm_states, PackedStates):
                packed: Tensor = trunk(PackedSequence(features, lstm_states.sizes), state)[0].data
                return packed
            return self._process_sequence(features, state, episode_starts, trunk)[0]

        features = self.extract_features(obs)
        pi_features, vf_features = (
            (features, features) if self.share_features_extractor else features
        )
        latent_pi = run(pi_features, lstm_states.pi, self.lstm_actor)
        if self.lstm_critic is not None:
            return latent_pi, run(vf_features, lstm_states.vf, self.lstm_critic)
        if self.shared_lstm:
            return latent_pi, latent_pi if self.value_gradient else latent_pi.detach()
        assert self.critic is not None
        return latent_pi, self.critic(vf_features)

    def evaluate_actions(
        self,
        obs: Tensor | dict[str, Tensor],
        actions: Tensor,
        lstm_states: RNNStates | PackedStates,
        episode_starts: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log-probabilities and entropies of actions taken, along whole sequences.

        :param obs: see :meth:`latents`
        :param actions: [S, ...]
        :param lstm_states: see :meth:`latents`
        :param episode_starts: see :meth:`latents`
        :return: values [S, 1], log-probabilities and entropies [S]
        """
        if isinstance(self.action_space, spaces.MultiBinary):
            actions = actions.float()  # Bernoulli refuses the int8 of sb3-contrib's buffer
        latent_pi, latent_vf = self.latents(obs, lstm_states, episode_starts)
        values = self.value_net(self.mlp_extractor.forward_critic(latent_vf))
        latent = self.mlp_extractor.forward_actor(latent_pi)
        if fast_paths(self).update and linear_action_net(self):
            return values, *_evaluate_discrete(self.action_net, latent, actions)
        distribution = self._get_action_dist_from_latent(latent)
        return values, distribution.log_prob(actions), distribution.entropy()


class CnnRnnPolicy(MlpRnnPolicy):
    """:class:`MlpRnnPolicy` for image observations, seen through SB3's ``NatureCNN``."""

    default_features_extractor: ClassVar = NatureCNN


class MultiInputRnnPolicy(MlpRnnPolicy):
    """:class:`MlpRnnPolicy` for ``Dict`` observations, joined by SB3's ``CombinedExtractor``."""

    default_features_extractor: ClassVar = CombinedExtractor


def _evaluate_discrete(net: nn.Linear, latent: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities and entropies [S] of a categorical distribution.

    One row an action, not one column: reductions over a few long rows are several times faster.

    :raises ValueError: if there is not one action for each step
    """
    if actions.shape != (len(latent),):
        raise ValueError(
            f"actions of shape {list(actions.shape)} must be [{len(latent)}]: one for each step"
        )
    logits = torch.addmm(net.bias[:, None], net.weight, latent.t())  # (actions, S)
    log_probs = logits.log_softmax(0)
    taken = log_probs.gather(0, actions.long()[None]).squeeze(0)
    return taken, -(log_probs.exp() * log_probs).sum(0)


def _count_change(optimizer: Optimizer, *_: Any) -> None:
    """Count a step in the versions of parameters, as all optimisers do but fused ones."""
    for group in optimizer.param_groups:
        increment_version(group["params"])


def check_starts(name: str, space: spaces.Space[Any]) -> None:
    """Check that discrete values start at 0, since a policy counts from there.

    :param name: of the space, in the message
    :param space: a space, or a ``Dict`` or ``Tuple`` of spaces
    :raises ValueError: if they do not
    """
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        parts = space.values() if isinstance(space, spaces.Dict) else space
        for part in parts:
            check_starts(name, part)
    elif isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(space.start):
        raise ValueError(
            f"{name}={space} must start at 0; wrap the environment so that it does "
            "(gymnasium.wrappers.TransformAction, TransformObservation)"
        )


def _check_kind(observation: Any, space: spaces.Space[Any]) -> None:
    if (
        isinstance(observation, tuple)
        and len(observation) == 2
        and isinstance(observation[1], dict)
    ):
        raise ValueError(
            "observation is a pair (obs, info), it must be obs alone: you are mixing Gym API with "
            "SB3 VecEnv API"
        )
    if isinstance(observation, dict) != isinstance(space, spaces.Dict):
        raise ValueError(
            f"observation of type {type(observation).__name__} must be one of the space {space}"
        )
    if isinstance(space, spaces.Dict) and set(observation) != set(space):
        raise ValueError(
            f"observation has the parts {sorted(observation)}; it must have {sorted(space)}"
        )


def _check_prior(prior: tuple[float, ...], action_space: spaces.Space[Any]) -> None:
    n = int(action_space.n) if isinstance(action_space, spaces.Discrete) else None
    if len(prior) != n or not (min(prior) > 0 and abs(sum(prior) - 1) < 1e-6):
        raise ValueError(
            f"action_prior={prior} must be one positive probability for each action of a Discrete "
            f"space, together 1; the action space is {action_space}"
        )
