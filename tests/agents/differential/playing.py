"""Train a model as a configuration says, and keep what happened."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from sb3_contrib.ppo_recurrent import CnnLstmPolicy, MlpLstmPolicy, MultiInputLstmPolicy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor, NatureCNN
from torch import nn

from warmrl.agents import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy

from .configuration import CRITICS, NET_ARCHS, Configuration
from .environments import Log, make_env
from .overrides import CLASSES, INSTANCE, halved_extractor

FIELDS = ("actions", "rewards", "advantages", "returns", "values", "log_probs", "episode_starts")
"""of upstream's buffer, beside the observations"""
LOCALS = (
    *("obs_tensor", "episode_starts", "actions", "values", "log_probs", "lstm_states"),
    *("clipped_actions", "new_obs", "rewards", "dones", "infos", "n_steps", "n_rollout_steps"),
)
"""what upstream's callbacks find in ``self.locals``"""
POLICIES: dict[str, tuple[Any, Any, Any]] = {  # ours, upstream's, the extractor of both
    "box": (MlpRnnPolicy, MlpLstmPolicy, FlattenExtractor),
    "picture": (CnnRnnPolicy, CnnLstmPolicy, NatureCNN),
    "dict": (MultiInputRnnPolicy, MultiInputLstmPolicy, CombinedExtractor),
}


def policy_arguments(config: Configuration) -> tuple[Any, dict[str, Any]]:
    """The policy class, with a user's methods if so configured, and its arguments."""
    kind = config.observations.split()[0].rstrip(",")
    ours, upstreams, extractor = POLICIES.get(kind, POLICIES["box"])
    base = upstreams if config.cell == "upstream" else ours
    kwargs: dict[str, Any] = {
        "lstm_hidden_size": config.width,
        "n_lstm_layers": config.n_layers,
        "share_features_extractor": config.share_features,
        "net_arch": deepcopy(NET_ARCHS[config.net_arch]),
        "ortho_init": config.ortho_init,
        "activation_fn": getattr(nn, config.activation),
        "optimizer_class": getattr(torch.optim, config.optimizer),
        "squash_output": config.sde == "squashed",
        "full_std": config.sde != "not full",
        "use_expln": config.sde == "expln",
        "lstm_kwargs": {"dropout": 0.5} if config.dropout else None,
        **CRITICS[config.critic],
    }
    if base is ours:
        kwargs |= {"cell": config.cell, "double": config.double, "skip": config.skip}
        kwargs["value_gradient"] = config.value_gradient
    if kind in ("picture", "dict"):
        width = "features_dim" if kind == "picture" else "cnn_output_dim"
        kwargs["features_extractor_kwargs"] = {width: 6}
    if config.override == "features_extractor_class":
        kwargs["features_extractor_class"] = halved_extractor(extractor)
    change = CLASSES.get(config.override)
    return change(base) if change else base, kwargs


def parts_of(observations: Any) -> list[Any]:
    """The arrays of a dict, or the one array there is."""
    return list(observations.values()) if isinstance(observations, dict) else [observations]


def copy_of(buffer: Any) -> dict[str, Any]:
    """The fields of a rollout, by upstream's names."""
    seen = buffer.observations
    fields = (
        {f"observations {key}": part for key, part in seen.items()}
        if isinstance(seen, dict)
        else {"observations": seen}
    )
    return deepcopy(fields | {name: getattr(buffer, name) for name in FIELDS})


class Recorder(BaseCallback):
    """Keep every rollout, and do on the way what the configuration says."""

    def __init__(self, config: Configuration) -> None:
        super().__init__()
        self.config = config
        self.rollouts: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []

    @property
    def _buffer(self) -> Any:
        return self.model.rollout_buffer  # type: ignore[attr-defined]

    def _on_rollout_start(self) -> None:
        if self.config.callback == "writes data of weights":  # ours sees it in the next rollout
            for parameter in self.model.policy.parameters():
                parameter.data *= 0.75

    def _on_step(self) -> bool:
        told, buffer, behaviour = self.locals, self._buffer, self.config.callback
        if behaviour == "reads at every step":
            seen = {name: deepcopy(told[name]) for name in LOCALS if name in told}
            seen["dones"] = np.array(told["dones"], bool)  # ours casts flags once
            if self.config.sde == "squashed":  # upstream does not unscale them
                del seen["clipped_actions"]
            self.steps.append(seen | copy_of(buffer) | {"buffer.pos": buffer.pos})
        if behaviour == "writes rewards" and self.config.rewards != "bool":
            for i in range(self.config.n_envs):  # they may be a list
                told["rewards"][i] += 2
        if behaviour == "writes observations":
            for part in parts_of(told["new_obs"]):
                if isinstance(part, np.ndarray) and part.dtype.kind == "f":
                    part[:] *= 0.5
        if behaviour == "writes values":
            told["values"][:] += 0.5
            told["log_probs"][:] -= 0.125
        if behaviour == "writes weights":
            with torch.no_grad():
                for parameter in self.model.policy.parameters():
                    parameter.mul_(0.75)
        if behaviour.startswith("patches") and self.n_calls == 2:
            INSTANCE[f"instance.{behaviour.split()[1]}"](self.model.policy)
        if behaviour == "writes rewards of the past" and buffer.pos:
            buffer.rewards[: buffer.pos] += 1
        return behaviour != "stops early" or self.n_calls < 3

    def _on_rollout_end(self) -> None:
        buffer, behaviour = self._buffer, self.config.callback
        if behaviour == "writes advantages":
            buffer.advantages += np.arange(buffer.advantages.size).reshape(buffer.advantages.shape)
            buffer.returns[0] *= 2.0
        if behaviour == "replaces advantages":
            buffer.advantages = np.sign(buffer.advantages).astype(np.float64)
            buffer.returns = 0.5 * buffer.returns
        if behaviour == "recomputes advantages":
            buffer.rewards += 1
            last_values = torch.full((self.config.n_envs, 1), 0.5)
            dones = np.arange(self.config.n_envs) % 2 == 0
            buffer.compute_returns_and_advantage(last_values=last_values, dones=dones)
        if behaviour == "writes all other fields":
            buffer.values *= 0.5
            buffer.log_probs += 0.125
            buffer.episode_starts[self.config.n_steps // 2] = 1
            for part in [*parts_of(buffer.observations), buffer.actions]:
                part[-1] = part[0]
        if behaviour != "none":
            self.rollouts.append(copy_of(buffer))


@dataclass
class Played:
    """A model after training, what was seen of it, and what stopped it."""

    log: Log = field(default_factory=list)
    model: Any = None
    recorder: Any = None
    error: Exception | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Warnings of odd spaces are not shown, and upstream's updates cut no sequence."""
    with warnings.catch_warnings(), patch.object(np.random, "randint", lambda *_: 0):
        warnings.simplefilter("ignore")
        yield


def play(algorithm: Any, config: Configuration, **own: Any) -> Played:
    """Train a model, and keep what happened.

    :param algorithm: the class, ours or upstream's
    :param config: what is trained, and how
    :param own: arguments that only this algorithm takes
    """
    played = Played()
    n_steps = config.n_steps * config.n_envs
    # An update with dropout draws other masks of packed sequences than of padded ones.
    second = config.n_rollouts == 2 and config.learning_rate == 0 and not config.dropout
    within = 2 if second and config.relearns == "no" else 1
    try:
        with quiet():
            played.model = _make(algorithm, config, played.log, own)
            played.recorder = Recorder(config)
            played.model.learn(within * n_steps, callback=played.recorder)
            if second and within == 1:
                anew = config.relearns == "anew"
                played.model.learn(n_steps, callback=played.recorder, reset_num_timesteps=anew)
            if config.callback == "none":
                played.recorder.rollouts.append(_turned_back(played.model, config))
    except Exception as error:
        played.error = error
    return played


def _make(algorithm: Any, config: Configuration, log: Log, own: dict[str, Any]) -> Any:
    policy, policy_kwargs = policy_arguments(config)
    model = algorithm(
        policy,
        make_env(config, log),
        n_steps=config.n_steps,
        batch_size=None if config.whole_batch else config.batch_size,
        n_epochs=1 if config.whole_batch else 2,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        normalize_advantage=config.normalize_advantage,
        clip_range_vf=config.clip_range_vf,
        ent_coef=config.ent_coef,
        vf_coef=config.vf_coef,
        target_kl=config.target_kl,
        max_grad_norm=config.max_grad_norm,
        learning_rate=config.learning_rate,
        use_sde=config.sde != "no",
        sde_sample_freq=3 if config.sde == "every 3" else -1,
        seed=config.seed,
        device="cpu",
        policy_kwargs=policy_kwargs,
        **own,
    )
    if config.override in INSTANCE:
        INSTANCE[config.override](model.policy)
    generator = torch.Generator().manual_seed(config.seed)
    with torch.no_grad():
        for parameter in model.policy.parameters():  # no symmetry, and no small actions
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    torch.manual_seed(config.seed)
    return model


def _turned_back(model: Any, config: Configuration) -> dict[str, Any]:
    """The last rollout; upstream's update has turned its fields, (T, N, ...) -> (N * T, ...)."""
    fields = copy_of(model.rollout_buffer)
    if not getattr(model.rollout_buffer, "generator_ready", False):
        return fields
    n_steps, n_envs = config.n_steps, config.n_envs
    for name, whole in fields.items():
        if name != "rewards":
            turned = whole.reshape(n_envs, n_steps, *whole.shape[1:]).swapaxes(0, 1)
            fields[name] = turned[..., 0] if name in FIELDS[1:] else turned
    return fields
