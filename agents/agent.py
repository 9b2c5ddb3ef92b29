"""A trained policy with its memory inside."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load, save
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor, nn

from ..checks import check_integer
from .layers import State
from .overrides import fast_paths, overridden
from .policies import CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy
from .policy_step import PolicyStep, PredictStep, versions
from .space_json import space_from_json, space_to_json
from .whole_file import whole_file

Observation: TypeAlias = Any  # [N, ...] or a single one; an array, or a dict of them

POLICIES = {cls.__name__: cls for cls in (MlpRnnPolicy, CnnRnnPolicy, MultiInputRnnPolicy)}
WEIGHTS_FILE = "policy.safetensors"
CONFIG_FILE = "config.json"
_ARGUMENTS = (
    *("cell", "double", "lstm_hidden_size", "n_lstm_layers", "shared_lstm", "enable_critic_lstm"),
    *("value_gradient", "action_prior", "net_arch", "ortho_init", "use_sde", "log_std_init"),
    *("full_std", "use_expln", "squash_output", "normalize_images"),
    *("share_features_extractor", "skip", "lstm_kwargs"),
)


class Agent:
    """Acts step after step, and keeps what the policy remembers of every episode.

    It cannot be misused into forgetting: the memory starts with the first call of :meth:`act`,
    goes on from call to call, and restarts only in :meth:`reset`. ``load`` reads numbers and JSON,
    and never unpickles::

        agent = Agent.load("runs/tmaze")
        agent.reset()
        while not done:
            action = agent.act(observation)

    :param source: a policy of this package, or an SB3 model that has one
    :raises TypeError: if it has none
    """

    def __init__(self, source: MlpRnnPolicy | BaseAlgorithm) -> None:
        policy = getattr(source, "policy", source)
        if not isinstance(policy, MlpRnnPolicy):
            raise TypeError(
                f"source={type(policy).__name__} has no recurrent policy of warmrl; it must be one "
                f"of {', '.join(POLICIES)}, or a model trained with one"
            )
        self.policy = policy
        self.policy.set_training_mode(False)
        self._compare = False
        self._snapshot: PolicyStep | None = None
        self._recurrent: tuple[Tensor, ...] = ()  # kept: walking modules is slow
        self._versions = versions(self._recurrent)
        self._copies: list[Tensor] = []
        self._state: State | None = None
        self._generator_state: Tensor | None = None

    @property
    def step(self) -> PolicyStep:
        """One step of the policy as it is now, also when it has learned further.

        Weights written to by way of their ``.data`` are noticed after the next :meth:`reset`.
        """
        if self.policy.training:
            self.policy.set_training_mode(False)
        if not fast_paths(self.policy).predict:
            return PredictStep(self.policy)
        if (
            self._snapshot is None
            or self._versions != versions(self._recurrent)
            or (self._compare and not self._is_current())
        ):
            with torch.inference_mode(False):  # its weights outlive the caller's mode
                self._snapshot = PolicyStep(self.policy)
                self._recurrent = tuple(self.policy.lstm_actor.parameters())
                self._versions = versions(self._recurrent)
                self._copies = [weight.detach().clone() for weight in self._recurrent]
        self._compare = False
        return self._snapshot

    def _is_current(self) -> bool:
        """Whether weights are those of the snapshot, whichever way they may have been written."""
        weights = list(self.policy.lstm_actor.parameters())
        return len(weights) == len(self._copies) and all(map(torch.equal, weights, self._copies))

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """Space of a single observation."""
        space: spaces.Space[Any] = self.policy.observation_space
        return space

    @property
    def action_space(self) -> spaces.Space[Any]:
        """Space of a single action."""
        space: spaces.Space[Any] = self.policy.action_space
        return space

    def reset(
        self, done_mask: npt.NDArray[np.bool_] | None = None, seed: int | None = None
    ) -> None:
        """Start new episodes.

        :param done_mask: which of the N episodes ended [N]; ``None`` for all, and N may then change
        :param seed: seed of sampled actions; ``None`` keeps their stream
        :raises ValueError: if the mask is not of the N episodes being remembered, or the seed is
            negative
        """
        self._compare = True
        if seed is not None:
            seed = check_integer("seed", seed, 0)
            self._generator_state = torch.Generator().manual_seed(seed).get_state()
        if done_mask is None:
            self._state = None
            return
        mask = np.asarray(done_mask, dtype=bool)
        n = 0 if self._state is None else self._state[0].shape[1]
        if mask.shape != (n,):
            raise ValueError(
                f"done_mask of shape {mask.shape} must be one flag for each of the {n} episodes "
                "that the agent remembers"
            )
        if self._state is not None:
            keep = torch.as_tensor(~mask, dtype=torch.float32, device=self.policy.device)[:, None]
            self._state = (self._state[0] * keep, self._state[1] * keep)

    def act(self, observation: Observation, deterministic: bool = True) -> npt.NDArray[Any]:
        """The next actions, given everything seen since the episodes started.

        :param observation: of N episodes [N, ...], or of one, without the leading dimension
        :param deterministic: the most probable action rather than a sample
        :return: actions [N, ...], or a single one
        :raises ValueError: if the observation does not fit the space, is not finite, or is of
            another number of episodes than the agent remembers
        """
        tensor, batched = self.policy.obs_to_tensor(observation)
        parts = tensor if isinstance(tensor, dict) else {"": tensor}
        for key, part in parts.items():
            if part.is_floating_point() and not part.isfinite().all():
                at = tuple((~part.isfinite()).nonzero()[0].tolist())
                raise ValueError(
                    f"observation{key and f' {key!r}'} is {part[at].item()} at {at}; it must be "
                    "finite"
                )
        n = len(next(iter(parts.values())))
        step = self.step
        if self._state is None:
            self._state = step.initial_state(n)
        remembered = self._state[0].shape[1]
        if n != remembered:
            raise ValueError(
                f"observation of {n} episodes, but the agent remembers {remembered}; call reset() "
                "before acting in another number of episodes"
            )
        with nullcontext() if deterministic else self._own_stream():
            actions, self._state = step(tensor, self._state, deterministic)
        if isinstance(step, PredictStep):
            done: npt.NDArray[Any] = actions.cpu().numpy()
            return done if batched else done[0]
        performed = actions.cpu().numpy().reshape(n, *(self.action_space.shape or ()))
        if self.policy.squash_output:
            performed = self.policy.unscale_action(performed)
        elif isinstance(self.action_space, spaces.Box):
            performed = np.clip(performed, self.action_space.low, self.action_space.high)
        result: npt.NDArray[Any] = performed if batched else performed[0]
        return result

    @contextmanager
    def _own_stream(self) -> Iterator[None]:
        """Let samples be drawn from the agent's own stream of random numbers."""
        if self._generator_state is None:
            self._generator_state = torch.Generator().manual_seed(0).get_state()
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._generator_state)
            yield
            self._generator_state = torch.get_rng_state()

    def describe(self) -> dict[str, Any]:
        """The policy as JSON: everything but its weights.

        :raises ValueError: if it has parts that JSON cannot describe
        """
        policy = self.policy
        name = type(policy).__name__
        if type(policy) is not POLICIES.get(name):
            raise ValueError(
                f"policy of class {name} cannot be saved without pickling it; it must be one of "
                f"{', '.join(POLICIES)} itself, or save the SB3 model instead"
            )
        if changed := overridden(policy):
            raise ValueError(
                f"policy with other {', '.join(sorted(changed))} than the library's cannot be "
                "saved without pickling it; save the SB3 model instead"
            )
        arguments = policy._get_constructor_parameters()
        if policy.features_extractor_class is not type(policy).default_features_extractor:
            raise ValueError(
                f"features_extractor_class={policy.features_extractor_class.__name__} cannot be "
                "saved without pickling it; save the SB3 model instead"
            )
        activation: str = policy.activation_fn.__name__
        if getattr(nn, activation, None) is not policy.activation_fn:
            raise ValueError(
                f"activation_fn={activation} cannot be saved without pickling "
                "it; it must be one of torch.nn"
            )
        description = {
            "class": name,
            "arguments": {name: arguments[name] for name in _ARGUMENTS if name in arguments},
            "features_extractor_kwargs": policy.features_extractor_kwargs,
            "activation_fn": activation,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
        }
        _check_complete(policy, description)
        return description

    def save(self, run_dir: str | Path, config: dict[str, Any] | None = None) -> None:
        """Write ``policy.safetensors`` and ``config.json``, each whole or not at all.

        :param run_dir: folder, made if absent
        :param config: what else ``config.json`` shall hold, beside its ``"policy"``
        :raises ValueError: if the policy cannot be described in JSON, or ``config`` has one
        """
        text = self._config_text(config)
        folder = Path(run_dir)
        folder.mkdir(parents=True, exist_ok=True)
        # Clones, since safetensors refuses the tensors that actor and critic share
        weights = {
            k: v.detach().cpu().clone(memory_format=torch.contiguous_format)
            for k, v in self.policy.state_dict().items()
        }
        with whole_file(folder / WEIGHTS_FILE) as partial:
            partial.write_bytes(save(weights))  # its own writer makes it private to the user
        with whole_file(folder / CONFIG_FILE) as partial:
            partial.write_text(text)

    def save_config(self, run_dir: str | Path, config: dict[str, Any] | None = None) -> None:
        """Write ``config.json`` only, before there are weights worth saving; see :meth:`save`."""
        text = self._config_text(config)
        with whole_file(Path(run_dir) / CONFIG_FILE) as partial:
            partial.write_text(text)

    def _config_text(self, config: dict[str, Any] | None) -> str:
        if config is not None and "policy" in config:
            raise ValueError(f"config['policy']={config['policy']!r} is taken by the agent's own")
        return json.dumps({**(config or {}), "policy": self.describe()}, indent=2) + "\n"

    @classmethod
    def load(cls, run_dir: str | Path, device: str | torch.device = "auto") -> "Agent":
        """Read what :meth:`save` wrote.

        :param run_dir: folder with ``policy.safetensors`` and ``config.json``
        :param device: where the policy shall run
        :raises FileNotFoundError: if a file is missing
        :raises ValueError: if a file is damaged, or the two do not belong together
        """
        folder = Path(run_dir)
        for name in (CONFIG_FILE, WEIGHTS_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"run_dir={str(run_dir)!r} has no {name}; it must be a run")
        try:
            policy = _build(json.loads((folder / CONFIG_FILE).read_text())["policy"])
        except (ValueError, KeyError, TypeError, AssertionError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{folder / CONFIG_FILE} describes no policy: {reason}") from error
        try:
            # Not load_file: in safetensors 0.8 it loses two pieces of memory for each tensor.
            policy.load_state_dict(load((folder / WEIGHTS_FILE).read_bytes()))
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{folder / WEIGHTS_FILE} does not fit: {reason}") from error
        target = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return cls(policy.to(target if device == "auto" else torch.device(device)))


def _build(description: dict[str, Any]) -> MlpRnnPolicy:
    """The untrained policy that :meth:`Agent.describe` described."""
    if description["class"] not in POLICIES:
        raise ValueError(f"class {description['class']!r} must be one of {', '.join(POLICIES)}")
    unknown = set(description["arguments"]) - set(_ARGUMENTS)
    if unknown:
        raise ValueError(f"arguments {sorted(unknown)} are unknown")
    activation = getattr(nn, description["activation_fn"], None)
    if not (isinstance(activation, type) and issubclass(activation, nn.Module)):
        raise ValueError(f"activation_fn {description['activation_fn']!r} is not in torch.nn")
    # The initial weights are drawn and overwritten: nobody else's stream may notice
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return POLICIES[description["class"]](
            space_from_json(description["observation_space"]),
            space_from_json(description["action_space"]),
            lambda _: 0.0,
            activation_fn=activation,
            features_extractor_kwargs=description["features_extractor_kwargs"],
            **description["arguments"],
        )


def _check_complete(policy: MlpRnnPolicy, description: dict[str, Any]) -> None:
    """Check that what is loaded from a description is the policy described, but for its weights.

    :raises ValueError: if it is not
    """
    try:
        rebuilt = _build(json.loads(json.dumps(description)))
    except (ValueError, KeyError, TypeError, AssertionError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"policy cannot be described in JSON: {reason}") from error
    for named, what in (
        (lambda p: {name: type(part) for name, part in p.named_modules()}, "module"),
        (lambda p: {k: (v.shape, v.dtype) for k, v in p.state_dict().items()}, "weight"),
    ):
        own, built = named(policy), named(rebuilt)
        differ = sorted(key for key in own.keys() | built.keys() if own.get(key) != built.get(key))
        if differ:
            raise ValueError(
                f"policy with a {what} {differ[0]!r} of its own cannot be saved without pickling "
                "it; save the SB3 model instead"
            )
