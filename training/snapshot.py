"""All that training goes on from, between two rollouts."""

import time
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from ..agents import RecurrentPPO
from ..checks import check_fields
from ..envs import MemoryVecEnv
from ..named_arrays import Arrays, check_like, prefixed, under
from ..random_stream import set_stream_state, stream_state
from .global_streams import global_streams, set_global_streams
from .weights import array_of, set_weights, state_of, weights_of

GROUPS = ("policy", "moment", "stream", "env", "last", "solved")
NOTES = ("num_timesteps", "n_updates", "seconds", "streams", "episodes", "successes", "log")
EPISODE = ("r", "l", "t")  # what SB3 keeps of an episode: return, length (steps), time (seconds)


class Snapshot(NamedTuple):
    """Training between two rollouts, where nothing that is in the buffer is still needed."""

    arrays: Arrays
    """weights, streams; episodes, if the environments can say them; weights that solved the task"""
    notes: dict[str, Any]
    """what is JSON: counters, clock, windows of statistics, values that wait to be logged"""

    @property
    def steps(self) -> int:
        """Environment steps taken."""
        return int(self.notes["num_timesteps"])

    @property
    def n_updates(self) -> int:
        """Passes over rollouts made."""
        return int(self.notes["n_updates"])


def take_snapshot(model: RecurrentPPO) -> Snapshot:
    """The state of a model in ``learn``, as a rollout starts or after its update; a copy."""
    streams, numbers = _streams(model)
    arrays = weights_of(model) | prefixed("stream", streams)
    env = model.get_env()
    if isinstance(env, MemoryVecEnv):
        arrays |= prefixed("env", env.get_state()) | prefixed("last", _last(model))
    log = model.logger
    notes = {
        "num_timesteps": model.num_timesteps,
        "n_updates": model._n_updates,
        "seconds": (time.time_ns() - model.start_time) / 1e9,
        "streams": numbers,
        "episodes": [[float(info[key]) for key in EPISODE] for info in model.ep_info_buffer or ()],
        "successes": list(map(float, model.ep_success_buffer or ())),
        "log": {
            name: [value, log.name_to_count.get(name, 0), log.name_to_excluded[name]]
            for name, value in log.name_to_value.items()
        },
    }
    return Snapshot(arrays, notes)


def restore_agent(model: RecurrentPPO, snapshot: Snapshot) -> None:
    """Weights, random streams, statistics and counters as they were.

    :raises ValueError: if the snapshot is of another network
    """
    arrays, notes = snapshot
    check_fields({*GROUPS, *(name.partition(".")[0] for name in arrays)}, GROUPS)
    set_weights(model, arrays)
    solved = under("solved", arrays)
    check_like(prefixed("solved", solved), prefixed("solved", solved and state_of(model.policy)))
    streams, (wanted, _) = under("stream", arrays), _streams(model)
    check_like(_on_cpu(streams), _on_cpu(wanted))
    set_stream_state(model.rollout_buffer.random, streams["buffer"])
    set_global_streams(streams, notes["streams"], model.device)
    infos = (dict(zip(EPISODE, episode, strict=True)) for episode in notes["episodes"])
    model.ep_info_buffer = deque(infos, maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(notes["successes"], maxlen=model._stats_window_size)
    model.num_timesteps, model._n_updates = snapshot.steps, snapshot.n_updates


def restore_episodes(model: RecurrentPPO, snapshot: Snapshot) -> bool:
    """The episodes under way, with what the agent sees and remembers of them.

    :return: whether they go on; those of another's environments cannot, and start anew
    :raises ValueError: if the snapshot is of other environments
    """
    env, last = model.get_env(), under("last", snapshot.arrays)
    if not isinstance(env, MemoryVecEnv):
        return False
    env.set_state(under("env", snapshot.arrays))
    space = env.observation_space
    empty = np.zeros((env.num_envs, *(space.shape or ())), dtype=space.dtype)
    starts = np.zeros(env.num_envs, dtype=np.bool_)
    check_like(last, _memory(model) | {"observation": empty, "starts": starts})
    model._last_obs = last["observation"].copy()
    model._last_episode_starts = last["starts"].copy()
    actor_h, actor_c, critic_h, critic_c = (
        torch.tensor(last[name], device=model.device) for name in _memory(model)
    )
    model._last_lstm_states = RNNStates((actor_h, actor_c), (critic_h, critic_c))
    return True


def restore_log(model: RecurrentPPO, snapshot: Snapshot) -> None:
    """The clock, and what waits to be logged; ``learn`` has to have begun."""
    model.start_time -= int(snapshot.notes["seconds"] * 1e9)
    model._num_timesteps_at_start = 0
    for name, (value, count, excluded) in snapshot.notes["log"].items():
        model.logger.name_to_value[name] = value
        model.logger.name_to_count[name] = count
        model.logger.name_to_excluded[name] = tuple(excluded)


def _streams(model: RecurrentPPO) -> tuple[Arrays, dict[str, Any]]:
    """Where all random streams of training are, but for that of the environments."""
    arrays, numbers = global_streams(model.device)
    return arrays | {"buffer": stream_state(model.rollout_buffer.random)}, numbers


def _on_cpu(streams: Arrays) -> Arrays:
    """Those that are there on every device."""
    return {f"stream.{name}": array for name, array in streams.items() if name != "cuda"}


def _last(model: RecurrentPPO) -> Arrays:
    """What the next rollout starts from."""
    return _memory(model) | {
        "observation": model._last_obs.copy(),
        "starts": model._last_episode_starts.copy(),
    }


def _memory(model: RecurrentPPO) -> Arrays:
    """The recurrent states ``(h, c)`` of actor and critic, each [layers, N, H]."""
    (actor_h, actor_c), (critic_h, critic_c) = model._last_lstm_states
    states = {"actor_h": actor_h, "actor_c": actor_c, "critic_h": critic_h, "critic_c": critic_c}
    return {name: array_of(state) for name, state in states.items()}
