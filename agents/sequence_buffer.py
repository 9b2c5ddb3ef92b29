"""A rollout buffer whose minibatches are whole sequences."""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RecurrentRolloutBufferSamples, RNNStates
from stable_baselines3.common.buffers import BaseBuffer, RolloutBuffer
from stable_baselines3.common.preprocessing import get_obs_shape
from torch import Tensor

from .rollout_arrays import RolloutArrays

Observation: TypeAlias = Any  # an array, or a dict of arrays
Minibatch: TypeAlias = list[RecurrentRolloutBufferSamples]  # in pieces run one after the other


class Sequences(NamedTuple):
    """Where the sequences of a rollout lie: each runs inside one environment and one episode."""

    env: npt.NDArray[np.int64]  # [S]
    start: npt.NDArray[np.int64]  # first step, [S]
    length: npt.NDArray[np.int64]  # [S]


class PackedStates(NamedTuple):
    """States before each sequence of a minibatch whose steps are packed, longest sequence first."""

    pi: tuple[Tensor, Tensor]  # (h, c) of the actor, each [layers, n_seq, H]
    vf: tuple[Tensor, Tensor]  # of the critic
    sizes: Tensor  # sequences running in each step [T], on the CPU: torch's `batch_sizes`


def split_sequences(episode_starts: npt.NDArray[np.bool_]) -> Sequences:
    """Cut a rollout wherever an episode or the rollout starts.

    ::

        episode_starts, one row an environment    sequences (env, start, length)
        0 0 1 0 0                                 (0, 0, 2) (0, 2, 3)
        1 0 0 0 1                                 (1, 0, 4) (1, 4, 1)

    :param episode_starts: whether an episode starts at a step [T, N]
    :return: the S sequences, environment after environment
    """
    n_steps = len(episode_starts)
    cuts = episode_starts.T.copy()  # (T, N) -> (N, T)
    cuts[:, 0] = True
    env, start = np.nonzero(cuts)
    flat = env * n_steps + start
    return Sequences(env, start, np.diff(flat, append=cuts.size))


class RolloutField:
    """What a rollout holds of every step, as a NumPy array to read and to write, made when asked
    for.
    """

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, buffer: "SequenceBuffer | None", _: type) -> Any:
        return self if buffer is None else buffer._array(self._name)

    def __set__(self, buffer: "SequenceBuffer", values: Any) -> None:
        arrays = buffer._array(self._name)
        for key, array in arrays.items() if isinstance(arrays, dict) else [(None, arrays)]:
            given = values if key is None else values[key]
            if given is not array and np.shape(given) != array.shape:
                raise ValueError(
                    f"{self._name} of shape {np.shape(given)} must have shape {array.shape}"
                )
            array[...] = given


STATES = ("hidden_states_pi", "cell_states_pi", "hidden_states_vf", "cell_states_vf")


class SequenceBuffer(RolloutBuffer):
    """Rollouts of N environments over T steps, on the device, read back as whole sequences.

    Unlike sb3-contrib's buffer it never cuts a sequence to fit a minibatch, so that gradients reach
    as far back as the rollout does, and keeps recurrent states only where they are read: before the
    first step of the rollout. Its attributes are those of sb3-contrib's buffer, as NumPy arrays
    [T, N, ...] that a callback may write to before the update.

    :param buffer_size: T, steps per environment
    :param observation_space: observation space (``Dict`` too)
    :param action_space: action space
    :param device: where everything is kept
    :param gae_lambda: lambda of generalised advantage estimation
    :param gamma: discount factor
    :param n_envs: N
    :param seed: seed of the shuffling
    :param packed: whether minibatches are packed, step after step without padding, for a policy
        that knows :class:`PackedStates`; otherwise padded, sequence after sequence
    """

    observations: Any = RolloutField()
    """[T, N, ...], or a dict of such"""
    actions: Any = RolloutField()
    """[T, N, action_dim], of the action space's dtype"""
    rewards: Any = RolloutField()
    """what is learned from: scaled, and with the value after a truncation [T, N]"""
    values: Any = RolloutField()
    log_probs: Any = RolloutField()
    advantages: Any = RolloutField()
    returns: Any = RolloutField()
    episode_starts: Any = RolloutField()
    """1 where a step starts an episode [T, N]"""
    hidden_states_pi: Any = RolloutField()
    cell_states_pi: Any = RolloutField()
    hidden_states_vf: Any = RolloutField()
    cell_states_vf: Any = RolloutField()
    """states before every step [T, layers, N, H], on :attr:`upstream_route` only"""

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        gae_lambda: float = 1.0,
        gamma: float = 0.99,
        n_envs: int = 1,
        seed: int | None = None,
        packed: bool = False,
    ) -> None:
        BaseBuffer.__init__(self, buffer_size, observation_space, action_space, device, n_envs)
        self.packed = packed
        self.upstream_route = False
        """whether the policy runs over sequences in its own way: minibatches are then padded, flag
        where episodes start, and have the states that were there before"""
        self.gae_lambda = gae_lambda
        self.gamma = gamma
        self.random = np.random.default_rng(seed)
        self._allocate()

    def _allocate(self) -> None:
        steps = (self.buffer_size, self.n_envs)
        self._observations = _allocate(self.observation_space, steps, self.device)
        self._actions = torch.zeros(*steps, self.action_dim, device=self.device)
        scalars = torch.zeros(5, *steps, device=self.device)
        self._rewards, self._values, self._log_probs, self._advantages, self._returns = scalars
        fields = (self._actions, self._rewards, self._values, self._log_probs)
        self._slots = [
            (_step(self._observations, t), *(field[t] for field in fields))
            for t in range(self.buffer_size)
        ]
        self._episode_starts = np.zeros(steps, dtype=np.bool_)
        self._kept: tuple[Tensor, ...] | None = None
        self._arrays: RolloutArrays | None = None
        self.pos, self.full = 0, False
        self._initial: RNNStates | None = None

    def reset(self) -> None:
        """Forget the rollout; its arrays stay as they are for whoever has them."""
        if self._arrays is not None and self._arrays.given:
            self._allocate()
        self.pos, self.full = 0, False
        self._initial = self._kept = self._arrays = None

    def _array(self, name: str) -> Any:
        """The NumPy array of a field, or a dict of them."""
        if self._arrays is None:
            self._clear_the_rest()
            self._arrays = RolloutArrays(*self._fields())
        if name in STATES and self._kept is None:
            raise AttributeError(
                f"{name} is not kept: states are, before the first step only, unless the policy "
                "overrides how it runs over sequences"
            )
        if name == "observations" and isinstance(self._observations, dict):
            return {key: self._arrays.get(f"{name}/{key}") for key in self._observations}
        return self._arrays.get(name)

    def _fields(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by the names of their arrays, and dtypes that are not the tensors' own."""
        tensors = {
            "actions": self._actions,
            "rewards": self._rewards,
            "values": self._values,
            "log_probs": self._log_probs,
            "advantages": self._advantages,
            "returns": self._returns,
            "episode_starts": torch.from_numpy(self._episode_starts),
        }
        dtypes = {"actions": self.action_space.dtype, "episode_starts": np.dtype(np.float32)}
        seen, space = self._observations, self.observation_space
        if isinstance(seen, dict) and isinstance(space, spaces.Dict):
            tensors |= {f"observations/{key}": part for key, part in seen.items()}
            dtypes |= {f"observations/{key}": part.dtype for key, part in space.items()}
        else:
            tensors["observations"], dtypes["observations"] = seen, space.dtype
        if self._kept is not None:
            tensors |= dict(zip(STATES, self._kept, strict=True))
        return tensors, dtypes

    def _clear_the_rest(self) -> None:
        """Zero what the present rollout has not written yet."""
        if self.full:
            return
        for _, *slots in self._slots[self.pos :]:
            for slot in slots:
                slot.zero_()
        seen = self._observations
        for part in seen.values() if isinstance(seen, dict) else (seen,):
            part[self.pos :] = 0
        self._episode_starts[self.pos :] = False
        self._advantages.zero_()
        self._returns.zero_()

    def start(self, lstm_states: RNNStates) -> None:
        """Keep the recurrent states before the first step.

        :param lstm_states: ``(h, c)`` of the actor and of the critic, each [layers, N, H]
        """
        self._initial = lstm_states
        if self.upstream_route:
            states = (*lstm_states.pi, *lstm_states.vf)
            self._kept = tuple(part.new_zeros(self.buffer_size, *part.shape) for part in states)

    def add(
        self,
        obs: Any,
        action: Any,
        reward: Any,
        episode_start: Any | None,
        value: Tensor,
        log_prob: Tensor,
        lstm_states: RNNStates | None = None,
    ) -> None:
        """Add one step of every environment, in tensors or in arrays.

        :param obs: what was seen [N, ...]
        :param action: what was done [N, ...]
        :param reward: the reward [N]
        :param episode_start: whether the step starts an episode [N]; ``None`` to say it later, by
            :meth:`start_episodes`
        :param value: critic's estimate before the step [N] or [N, 1]
        :param log_prob: log-probability of the action [N]
        :param lstm_states: the states before the step; needed at the first step, unless
            :meth:`start` was called, and on :attr:`upstream_route`
        """
        t = self.pos
        if lstm_states is not None:
            if self._initial is None:
                self.start(lstm_states)
            if self._kept is not None:
                for kept, part in zip(self._kept, (*lstm_states.pi, *lstm_states.vf), strict=True):
                    kept[t].copy_(part)
        seen, *slots = self._slots[t]
        if isinstance(obs, dict):
            slots += [seen[key] for key in obs]
            parts = (action, reward, value, log_prob, *obs.values())
        else:
            slots.append(seen)
            parts = (action, reward, value, log_prob, obs)
        for slot, part in zip(slots, parts, strict=True):
            tensor = part if isinstance(part, Tensor) else torch.as_tensor(part)
            slot.copy_(tensor if tensor.ndim == slot.ndim else tensor.reshape(slot.shape))
        if episode_start is not None:
            self._episode_starts[t] = episode_start
        self.pos += 1
        self.full = self.pos == self.buffer_size
        if self._arrays is not None:
            self._arrays.row_written(t)

    def start_episodes(self, starts: npt.NDArray[np.bool_]) -> None:
        """Say of all steps whether they start an episode [T, N]."""
        self._episode_starts[:] = starts
        if self._arrays is not None:
            self._arrays.written()

    def pay(self, step: Tensor, env: Tensor, rewards: Tensor) -> None:
        """Add to the rewards of some steps.

        :param step: which steps [K]
        :param env: of which environments; each pair is there once [K]
        :param rewards: how much more [K]
        """
        self._rewards[step, env] += rewards
        if self._arrays is not None:
            self._arrays.written()

    def compute_returns_and_advantage(
        self, last_values: Tensor, dones: npt.NDArray[np.bool_]
    ) -> None:
        """Generalised advantage estimation (Schulman et al. 2016, eq. 16) and lambda-returns.

        :param last_values: critic's estimate after the last step [N] or [N, 1]
        :param dones: whether an episode ended with the last step [N]
        """
        if self._arrays is not None:
            self._arrays.write_back()
        ends = np.concatenate((self._episode_starts[1:], np.asarray(dones, np.bool_)[None]))
        running = torch.as_tensor(~ends, dtype=torch.float32, device=self.device)
        next_values = torch.cat((self._values[1:], last_values.reshape(1, -1)))
        deltas = self._rewards + self.gamma * running * next_values - self._values
        decay = self.gamma * self.gae_lambda * running
        advantage = torch.zeros_like(deltas[0])
        for t in reversed(range(self.buffer_size)):
            advantage = torch.addcmul(deltas[t], decay[t], advantage, out=self._advantages[t])
        torch.add(self._advantages, self._values, out=self._returns)
        if self._arrays is not None:
            self._arrays.written()

    @property
    def played(self) -> dict[str, Tensor]:
        """Reward, value and log-probability of every step, each [T, N]."""
        return {
            "reward": self._rewards,
            "value": self._values,
            "log-probability": self._log_probs,
        }

    def get(  # type: ignore[override]
        self, batch_size: int | None = None
    ) -> Iterator[RecurrentRolloutBufferSamples]:
        """One pass over the rollout in shuffled minibatches of whole sequences.

        :param batch_size: steps in a minibatch, about, since sequences stay whole; ``None`` for all
        :return: minibatches, padded and flattened as [n_seq * L] with L the longest sequence, or
            packed; their states are already those before each sequence and their
            ``episode_starts`` all 0, except on :attr:`upstream_route`
        """
        for minibatch in self.minibatches(batch_size, None):
            yield from minibatch

    def minibatches(self, batch_size: int | None, piece_size: int | None) -> Iterator[Minibatch]:
        """The minibatches of :meth:`get`, the packed ones in pieces of sequences alike in length.

        :param batch_size: see :meth:`get`
        :param piece_size: steps in a piece, at most, unless a single sequence has more; ``None``
            for no pieces
        """
        if not self.full:
            raise ValueError(f"the buffer holds {self.pos} of {self.buffer_size} steps; fill it")
        if self._arrays is not None:
            self._arrays.write_back()
        sequences = split_sequences(self._episode_starts)
        total = self.buffer_size * self.n_envs
        n_batches = 1 if batch_size is None else max(1, round(total / batch_size))
        order = self.random.permutation(len(sequences.length))
        steps = np.cumsum(sequences.length[order])
        middle = steps - sequences.length[order] / 2
        batch_of = np.minimum((middle * n_batches / total).astype(np.int64), n_batches - 1)
        first, used = 0, 0
        for end in [*(np.flatnonzero(np.diff(batch_of)) + 1).tolist(), len(order)]:
            # A single step joins its neighbour: one advantage has no standard deviation
            single = 1 in (steps[end - 1] - used, total - steps[end - 1])
            if end == len(order) or not single:
                chosen = Sequences(*(field[order[first:end]] for field in sequences))
                if self.packed and not self.upstream_route:
                    yield [self._packed(piece) for piece in _pieces(chosen, piece_size)]
                else:
                    yield [self._padded(chosen)]
                first, used = end, steps[end - 1]

    def _padded(self, sequences: Sequences) -> RecurrentRolloutBufferSamples:
        env, start, length = sequences
        steps = np.arange(length.max())
        mask = steps < length[:, None]  # (n_seq, L)
        t = start[:, None] + np.minimum(steps, length[:, None] - 1)
        rows = (t * self.n_envs + env[:, None]).ravel()
        batch = self._gather(rows, mask.ravel(), self._states_before(env, start))
        if self.upstream_route:
            starts = batch.episode_starts.view(mask.shape)
            starts[:, 0] = torch.from_numpy(self._episode_starts[start, env]).to(self.device)
        return batch

    def _packed(self, sequences: Sequences) -> RecurrentRolloutBufferSamples:
        env, start, length = sequences
        steps = np.arange(length[0])[:, None]
        running = steps < length  # (L, n_seq)
        rows = ((start + steps) * self.n_envs + env)[running]
        states = self._states_before(env, start)
        sizes = torch.from_numpy(running.sum(1))
        return self._gather(rows, np.ones_like(rows), PackedStates(states.pi, states.vf, sizes))

    def _gather(
        self,
        rows: npt.NDArray[np.int64],
        mask: npt.NDArray[Any],
        states: RNNStates | PackedStates,
    ) -> RecurrentRolloutBufferSamples:
        index = torch.as_tensor(rows, device=self.device)

        def gather(values: Tensor) -> Tensor:  # (T, N, ...) -> (rows, ...)
            return values.flatten(0, 1).index_select(0, index)

        observations: Any = (
            {
                key: _as_seen(gather(value), self.observation_space[key])  # type: ignore[index]
                for key, value in self._observations.items()
            }
            if isinstance(self._observations, dict)
            else _as_seen(gather(self._observations), self.observation_space)
        )
        return RecurrentRolloutBufferSamples(
            observations=observations,
            actions=gather(self._actions),
            old_values=gather(self._values),
            old_log_prob=gather(self._log_probs),
            advantages=gather(self._advantages),
            returns=gather(self._returns),
            lstm_states=states,
            episode_starts=torch.zeros(len(index), device=self.device),
            mask=torch.as_tensor(mask, dtype=torch.float32, device=self.device),
        )

    def _states_before(self, env: npt.NDArray[np.int64], start: npt.NDArray[np.int64]) -> RNNStates:
        """States before each sequence [layers, n_seq, H]: zeros where an episode starts."""
        if self._initial is None:
            raise ValueError("the rollout has no initial states; call start() before add()")
        if self.upstream_route and self._kept is not None:
            t, n = torch.as_tensor(start), torch.as_tensor(env)
            pi_h, pi_c, vf_h, vf_c = (part[t, :, n].transpose(0, 1) for part in self._kept)
            return RNNStates(
                (pi_h.contiguous(), pi_c.contiguous()), (vf_h.contiguous(), vf_c.contiguous())
            )
        carried = (start == 0) & ~self._episode_starts[0, env]
        keep = torch.as_tensor(carried, dtype=torch.float32, device=self.device)[:, None]
        index = torch.as_tensor(env, device=self.device)
        (pi_h, pi_c), (vf_h, vf_c) = (
            tuple(state.index_select(1, index) * keep for state in pair) for pair in self._initial
        )
        return RNNStates((pi_h, pi_c), (vf_h, vf_c))


def _pieces(sequences: Sequences, size: int | None) -> list[Sequences]:
    """Sequences, the longest first, in runs of so many steps."""
    by_length = np.argsort(-sequences.length, kind="stable")
    ordered = Sequences(*(field[by_length] for field in sequences))
    if size is None:
        return [ordered]
    cuts = list[int]()
    used = 0
    for i, length in enumerate(ordered.length.tolist()):
        if used and used + length > size:
            cuts.append(i)
            used = 0
        used += length
    parts = zip(*(np.split(field, cuts) for field in ordered), strict=True)
    return [Sequences(*part) for part in parts]


def _step(observations: Observation, t: int) -> Observation:
    """Views of what was seen at a step [N, ...]; to take them at each step anew takes as long."""
    if isinstance(observations, dict):
        return {key: value[t] for key, value in observations.items()}
    return observations[t]


# Of which torch cannot gather rows.
_STORED_AS = {"uint16": np.dtype(np.int32), "uint32": np.dtype(np.int64)}
_STORED_AS["uint64"] = np.dtype(np.int64)


def _as_seen(stored: Tensor, space: spaces.Space[Any]) -> Tensor:
    """Observations of the dtype of their space, which may not be that in which they are stored."""
    if np.dtype(space.dtype).name not in _STORED_AS:
        return stored
    return stored.to(torch.from_numpy(np.zeros(0, space.dtype)).dtype)


def _allocate(space: spaces.Space[Any], steps: tuple[int, int], device: torch.device) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _allocate(sub, steps, device) for key, sub in space.items()}
    dtype = _STORED_AS.get(np.dtype(space.dtype).name, np.dtype(space.dtype))
    kind = torch.from_numpy(np.zeros(0, dtype=dtype)).dtype
    return torch.zeros((*steps, *get_obs_shape(space)), dtype=kind, device=device)
