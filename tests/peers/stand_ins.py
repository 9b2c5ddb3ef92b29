"""A pytest plugin for the peers' own tests: recurrent PPO in the place of their algorithms.

Loaded by :mod:`~warmrl.tests.peers.comparison` with ``-p``, in a process of its own. It reads what
stands in from the environment: ``WARMRL_PEERS_CAST`` is a name in :data:`CASTS`. The outcome of
every test goes to the file ``WARMRL_PEERS_LOG``, one JSON object a line.
"""

import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import pytest
import sb3_contrib
import sb3_contrib.ppo_recurrent
import stable_baselines3
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.buffers import RecurrentDictRolloutBuffer, RecurrentRolloutBuffer
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common import buffers, env_util, policies
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from warmrl import agents, envs
from warmrl.agents.sequence_buffer import SequenceBuffer

KINDS = ("Mlp", "Cnn", "MultiInput")
THEIRS = tuple(getattr(sb3_contrib.ppo_recurrent, f"{kind}LstmPolicy") for kind in KINDS)
OURS = (agents.MlpRnnPolicy, agents.CnnRnnPolicy, agents.MultiInputRnnPolicy)


class Cast(NamedTuple):
    """Who plays recurrent PPO, and with which policies."""

    algorithm: type
    policies: tuple[type, ...]  # for vectors, images, dicts
    ours: bool = False  # whether buffers and the maker of environments are ours too


CASTS = {
    "upstream": Cast(sb3_contrib.RecurrentPPO, THEIRS),
    "our policies": Cast(sb3_contrib.RecurrentPPO, OURS),
    "our algorithm": Cast(agents.RecurrentPPO, THEIRS, True),
    "both": Cast(agents.RecurrentPPO, OURS, True),
}
LENT = {"RolloutBuffer": buffers, "DictRolloutBuffer": buffers, "make_vec_env": env_util}
STANDING_IN = {"RecurrentPPO", "PPO", "A2C", *LENT}
WIDTH = (
    16  # of recurrent layers, where tests ask for none; upstream's 256 would take ten times as long
)
A2C_DEFAULTS: dict[str, Any] = {
    "n_steps": 5,
    "n_epochs": 1,
    "gae_lambda": 1.0,
    "normalize_advantage": False,
}

NOTED = pytest.StashKey[list[str]]()
_stood_in = list[str]()  # names of the stand-ins made since the test began


def recurrent_ppo(cast: Cast, name: str, defaults: Mapping[str, Any]) -> type:
    """A class of the peers' name that is recurrent PPO, and takes the peers' names of policies.

    :param cast: whose algorithm and policies
    :param name: the algorithm that it stands in for
    :param defaults: arguments that differ from those of recurrent PPO
    """
    base: Any = cast.algorithm
    arguments = list(inspect.signature(sb3_contrib.RecurrentPPO.__init__).parameters)[1:]
    pairs = zip(KINDS, cast.policies, strict=True)
    aliases = {f"{kind}{of}Policy": policy for kind, policy in pairs for of in ("", "Lstm")}

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        _stood_in.append(name)
        missing = {k: v for k, v in defaults.items() if k not in arguments[: len(args)]}
        base.__init__(self, *args, **missing | kwargs)

    def learn(self: Any, total_timesteps: int, *args: Any, **kwargs: Any) -> Any:
        if len(args) < 3:
            kwargs = {"tb_log_name": name} | kwargs
        return base.learn(self, total_timesteps, *args, **kwargs)

    members = {"__init__": __init__, "learn": learn, "__module__": __name__}
    return type(name, (base,), {**members, "policy_aliases": base.policy_aliases | aliases})


def actor_critic_policy(cast: Cast) -> type:
    """A recurrent policy for subclasses that override ``forward`` as of one without a state."""
    base: Any = cast.policies[0]

    def __call__(self: Any, obs: Any, states: Any, starts: Any, deterministic: bool = False) -> Any:
        self.step = (states, starts)
        return *self.forward(obs, deterministic), self.states_after

    def forward(self: Any, obs: Any, deterministic: bool = False) -> Any:
        *chosen, self.states_after = base.forward(self, obs, *self.step, deterministic)
        return tuple(chosen)

    members = {"__call__": __call__, "forward": forward, "__module__": __name__}
    return type("ActorCriticPolicy", (base,), members)


def rollout_buffer(cast: Cast, name: str) -> type:
    """The buffer of a model, made as the peers' tests make theirs.

    :param cast: whose buffer
    :param name: ``RolloutBuffer`` or ``DictRolloutBuffer``
    """
    dicts = name.startswith("Dict")
    base: Any = RecurrentDictRolloutBuffer if dicts else RecurrentRolloutBuffer
    if cast.ours:
        base = SequenceBuffer

    def __init__(
        self: Any,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: Any = "auto",
        gae_lambda: float = 1,
        gamma: float = 0.99,
        n_envs: int = 1,
    ) -> None:
        _stood_in.append(name)
        shape = () if cast.ours else ((buffer_size, 1, n_envs, 1),)
        base.__init__(
            self,
            buffer_size,
            observation_space,
            action_space,
            *shape,
            device=device,
            gae_lambda=gae_lambda,
            gamma=gamma,
            n_envs=n_envs,
        )
        zeros = (torch.zeros(1, n_envs, 1, device=self.device),) * 2
        self.zero_states = RNNStates(zeros, zeros)

    def add(self: Any, *args: Any, **kwargs: Any) -> None:
        base.add(self, *args, lstm_states=self.zero_states, **kwargs)

    return type(name, (base,), {"__init__": __init__, "add": add, "__module__": __name__})


def maker(cast: Cast) -> Callable[..., VecEnv]:
    """The function that makes vector environments."""
    make = envs.make_vec_env if cast.ours else env_util.make_vec_env

    def make_vec_env(*args: Any, **kwargs: Any) -> VecEnv:
        _stood_in.append("make_vec_env")
        return make(*args, **kwargs)

    return make_vec_env


def take_the_stage(cast: Cast) -> None:
    """Put stand-ins where the peers' tests import their algorithms and policies from."""
    here = sys.modules[__name__]
    for module, name, defaults in (
        (sb3_contrib, "RecurrentPPO", {}),
        (stable_baselines3, "PPO", {}),
        (stable_baselines3, "A2C", A2C_DEFAULTS),
    ):
        actor = recurrent_ppo(cast, name, defaults)
        setattr(module, name, actor)
        setattr(here, name, actor)  # where pickled models look for it
    policies.ActorCriticPolicy = actor_critic_policy(cast)  # type: ignore[assignment,misc]
    for kind, policy in zip(KINDS, cast.policies, strict=True):
        setattr(sb3_contrib.ppo_recurrent, f"{kind}LstmPolicy", policy)

    def decline(self: Any, *args: Any, **kwargs: Any) -> None:
        pytest.skip("an off-policy algorithm, in which no recurrent policy has a place")

    OffPolicyAlgorithm.__init__ = decline  # type: ignore[method-assign]


def pytest_configure() -> None:
    """Before any test is imported."""
    take_the_stage(CASTS[os.environ["WARMRL_PEERS_CAST"]])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Lend ours while tests are imported; the peers' own code goes on with theirs."""
    cast = CASTS[os.environ["WARMRL_PEERS_CAST"]]
    theirs = {name: getattr(module, name) for name, module in LENT.items()}
    for name, module in LENT.items():
        lent = maker(cast) if name == "make_vec_env" else rollout_buffer(cast, name)
        setattr(module, name, lent)
    try:
        return (yield)
    finally:
        for name, module in LENT.items():
            setattr(module, name, theirs[name])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has no stand-in, and what is parametrised with an algorithm without one."""

    def wanted(item: pytest.Item) -> bool:
        parameters = getattr(item, "callspec", None)
        given = [] if parameters is None else list(parameters.params.values())
        foreign = any(_is_algorithm(value) and not _stands_in(value) for value in given)
        test = getattr(item, "function", None)
        module = getattr(test, "__module__", "")
        return not foreign and _involves_stand_in([*given, test], module, set())

    others = [item for item in items if not wanted(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def _is_algorithm(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseAlgorithm)


def _stands_in(value: object) -> bool:
    return isinstance(value, type) and any(base.__module__ == __name__ for base in value.__mro__)


def _involves_stand_in(value: object, module: str, seen: set[int]) -> bool:
    """Whether a value is, holds, or as a function of a module names a stand-in, at any depth."""
    if id(value) in seen:
        return False
    seen.add(id(value))
    if _stands_in(value):
        return True
    parts: Iterable[object] = ()
    if isinstance(value, (list, tuple, set)):
        parts = value
    elif isinstance(value, dict):
        parts = (*value, *value.values())
    elif isinstance(value, FunctionType) and value.__module__ == module:
        names = set(value.__code__.co_names)
        if names & STANDING_IN:  # imported by the function itself, perhaps
            return True
        parts = [value.__globals__[name] for name in names & set(value.__globals__)]
    return any(_involves_stand_in(part, module, seen) for part in parts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Log whether a test passed, and which stand-ins it made."""
    _stood_in.clear()
    item.stash[NOTED] = []
    began = time.monotonic()
    result = yield
    outcome, *message = item.stash[NOTED] or ["passed"]
    entry = {
        "test": item.nodeid,
        "outcome": outcome,
        "stand_ins": sorted(set(_stood_in)),
        "message": "".join(message),
        "seconds": round(time.monotonic() - began, 2),
    }
    with Path(os.environ["WARMRL_PEERS_LOG"]).open("a") as log:
        log.write(json.dumps(entry) + "\n")
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the first phase of a test that did not pass."""
    report = yield
    if report.outcome != "passed" and not item.stash[NOTED]:
        crash = getattr(report.longrepr, "reprcrash", None)
        text = str(report.longrepr) if crash is None else f"{crash.message} ({crash.path})"
        item.stash[NOTED] = [report.outcome, " ".join(text.split())]
    return report
