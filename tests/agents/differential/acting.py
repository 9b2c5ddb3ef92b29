"""What a policy does outside of training: evaluating, predicting, and as an agent."""

from collections.abc import Iterator
from contextlib import nullcontext
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from warmrl.agents import Agent, MlpRnnPolicy

from .agreement import refuses, same
from .configuration import Configuration
from .playing import quiet


def check_evaluation(policy: Any, buffer: Any, config: Configuration) -> None:
    """Hold ``evaluate_actions`` of our policies to upstream's.

    :param policy: the policy
    :param buffer: upstream's, after a rollout
    """
    if config.cell == "upstream" or "evaluate_actions" in config.override or not buffer.full:
        return
    policy.set_training_mode(False)
    with quiet(), torch.no_grad():
        batch = next(buffer.get(None))
        actions = batch.actions
        if isinstance(policy.action_space, spaces.Discrete):
            actions = actions.long().flatten()
        if isinstance(policy.action_space, spaces.MultiBinary):
            actions = actions.float()
        args = (batch.observations, actions, batch.lstm_states, batch.episode_starts)
        ours = policy.evaluate_actions(*args)
        theirs = RecurrentActorCriticPolicy.evaluate_actions(policy, *args)
    same("evaluate_actions", ours, theirs)


def _observations(space: Any, n: int | None, seed: int) -> Iterator[Any]:
    """Random observations, of n episodes or of one without the leading dimension."""
    drawn = deepcopy(space)
    drawn.seed(seed)

    def batch(part: Any) -> Any:
        return part.sample() if n is None else np.stack([part.sample() for _ in range(n)])

    while True:
        if isinstance(drawn, spaces.Dict):
            yield {key: batch(part) for key, part in drawn.items()}
        else:
            yield batch(drawn)


def _outcome(call: Any, *args: Any) -> Any:
    """What a call returns or raises."""
    try:
        with quiet():
            return call(*args)
    except Exception as error:
        return error


def check_predict(policy: Any, config: Configuration) -> None:
    """Hold ``predict`` to upstream's, in some of the forms of its arguments that upstream takes."""
    rng = np.random.default_rng(config.seed)
    for n in (None, 1, config.n_envs):
        obs = next(_observations(policy.observation_space, n, config.seed))
        zeros = np.zeros(policy.lstm_hidden_state_shape).repeat(n or 1, axis=1)
        rows = np.full(n or 1, True)
        states = (None, (zeros, zeros + 0.5), [zeros.astype(np.float32) + 0.5, zeros])
        starts = (None, True, np.bool_(False), [False] * (n or 1), rows, rows.astype(int), ~rows)
        for _ in range(2):
            state: Any = states[rng.integers(len(states))]
            start: Any = starts[rng.integers(len(starts))]
            ours = _outcome(policy.predict, obs, state, start, True)
            plain = patch.object(MlpRnnPolicy, "_predict", RecurrentActorCriticPolicy._predict)
            with nullcontext() if config.override == "library._predict" else plain:
                theirs = _outcome(policy.predict, obs, state, start, True)
            if not isinstance(theirs, Exception):
                if isinstance(ours, Exception):
                    raise ours
                same(f"predict(state={type(state).__name__}, {start!r})", ours, theirs)


def check_agent(policy: Any, config: Configuration) -> None:
    """Hold ``Agent.act`` to ``predict``, unless it refuses a policy that is not the library's."""
    agent = _outcome(Agent, policy)
    if isinstance(agent, Exception):
        if refuses(agent) and (config.cell == "upstream" or config.override != "nothing"):
            return
        raise agent
    for deterministic in (True, False):
        for n in (None, config.n_envs):
            _follow(agent, config, deterministic, n)
    for parameter in policy.parameters():  # as target networks are moved, unnoticed by versions
        parameter.data *= 0.75
    _follow(agent, config, True, None)


def _follow(agent: Agent, config: Configuration, deterministic: bool, n: int | None) -> None:
    """Act beside ``predict`` for a few steps; samples are drawn from the same stream."""
    rng = np.random.default_rng(config.seed)
    seen = _observations(agent.observation_space, n, config.seed)
    state, starts = None, np.ones(n or 1, bool)
    agent.reset(seed=config.seed)
    drawn = torch.Generator().manual_seed(config.seed).get_state()
    for t in range(4):
        obs = next(seen)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(drawn)
            predicted = _outcome(agent.policy.predict, obs, state, starts, deterministic)
            drawn = torch.get_rng_state()
        if t:
            agent.reset(starts)
        acted = _outcome(agent.act, obs, deterministic)
        if isinstance(acted, Exception):
            own = refuses(acted) and config.override != "nothing"
            if own or isinstance(predicted, Exception):
                return
            raise acted
        assert not isinstance(predicted, Exception), f"Agent acts, predict raises {predicted!r}"
        wanted, state = predicted
        what = f"Agent, deterministic={deterministic}, n={n}, step {t}"
        same(what, np.asarray(acted), np.asarray(wanted))
        starts = rng.random(n or 1) < 0.3
