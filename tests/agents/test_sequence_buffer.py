"""The rollout buffer: what goes in comes out, once, whole, and with the right states."""

from typing import Any, TypeAlias, cast

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.buffers import RolloutBuffer
from torch import Tensor

from warmrl.agents.sequence_buffer import SequenceBuffer, split_sequences

Starts: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

LAYERS, HIDDEN = 2, 3
any_starts = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=7))
TAG = spaces.Box(-np.inf, np.inf, (1,), np.float32)


def some_states(n: int) -> RNNStates:
    """States that are all different, and nowhere zero."""
    parts = torch.arange(1, 4 * LAYERS * n * HIDDEN + 1, dtype=torch.float32)
    pi_h, pi_c, vf_h, vf_c = parts.view(4, LAYERS, n, HIDDEN)
    return RNNStates((pi_h, pi_c), (vf_h, vf_c))


def filled(starts: Starts, seed: int = 0, **settings_: Any) -> SequenceBuffer:
    """A full buffer; the observation of step t of environment n is t * N + n, its tag."""
    n_steps, n = starts.shape
    buffer = SequenceBuffer(
        n_steps, TAG, spaces.Discrete(3), "cpu", n_envs=n, seed=seed, **settings_
    )
    buffer.start(some_states(n))
    for t in range(n_steps):
        tag = torch.arange(n, dtype=torch.float32) + t * n
        buffer.add(tag[:, None], tag + 0.1, tag + 0.2, starts[t], tag[:, None] + 0.3, tag + 0.4)
    buffer.compute_returns_and_advantage(torch.zeros(n), np.zeros(n, dtype=np.bool_))
    return buffer


def test_the_drawn_example() -> None:
    starts = np.array([[0, 0, 1, 0, 0], [1, 0, 0, 0, 1]], dtype=np.bool_).T
    env, start, length = split_sequences(starts)
    assert list(zip(env, start, length, strict=True)) == [
        (0, 0, 2),
        (0, 2, 3),
        (1, 0, 4),
        (1, 4, 1),
    ]


@given(starts=any_starts)
def test_sequences_cover_the_rollout_and_start_where_episodes_do(starts: Starts) -> None:
    before = starts.copy()
    covered = np.zeros(starts.shape, dtype=int)
    for env, start, length in zip(*split_sequences(starts), strict=True):
        assert start == 0 or starts[start, env]
        assert not starts[start + 1 : start + length, env].any()
        covered[start : start + length, env] += 1
    assert (covered == 1).all()
    assert (starts == before).all()


@settings(max_examples=60, deadline=None)
@given(starts=any_starts)
def test_reassembled_sequences_are_the_rollout(starts: Starts) -> None:
    buffer = filled(starts)
    (batch,) = buffer.get()
    n_steps, n = starts.shape
    mask = batch.mask.bool()
    tags = batch.observations[mask].flatten().long()
    for name, stored in (
        ("observations", buffer._observations),
        ("actions", buffer._actions),
        ("old_values", buffer._values),
        ("old_log_prob", buffer._log_probs),
        ("advantages", buffer._advantages),
        ("returns", buffer._returns),
    ):
        real = getattr(batch, name)[mask]
        rebuilt = torch.empty(n_steps * n, real[0].numel())
        rebuilt[tags] = real.reshape(len(tags), -1)
        assert torch.equal(rebuilt.view(stored.shape), stored), name


@settings(max_examples=60, deadline=None)
@given(starts=any_starts, batch_size=st.none() | st.integers(1, 60))
def test_an_epoch_has_every_step_once_in_whole_sequences(
    starts: Starts, batch_size: int | None
) -> None:
    buffer = filled(starts)
    n_steps, n = starts.shape
    lengths = {
        start * n + env: length for env, start, length in zip(*split_sequences(starts), strict=True)
    }
    states = some_states(n)
    seen: list[int] = []
    batches = list(buffer.get(batch_size))
    for batch in batches:
        n_seq = batch.lstm_states.pi[0].shape[1]
        tags = batch.observations.view(n_seq, -1).long()
        masks = batch.mask.view(n_seq, -1).bool()
        assert not batch.episode_starts.any()
        assert len(batch.episode_starts) == tags.numel()
        for i, (row, mask) in enumerate(zip(tags, masks, strict=True)):
            real = row[mask].tolist()
            assert mask[: len(real)].all()  # padding comes after
            first, env = real[0], real[0] % n
            assert real == [first + n * k for k in range(lengths[first])]
            seen += real
            carried = first < n and not starts[0, env]
            for given_, stored in zip(
                (*batch.lstm_states.pi, *batch.lstm_states.vf),
                (*states.pi, *states.vf),
                strict=True,
            ):
                want = stored[:, env] if carried else torch.zeros(LAYERS, HIDDEN)
                assert torch.equal(given_[:, i], want)
    assert sorted(seen) == list(range(n_steps * n))
    if batch_size is None:
        assert len(batches) == 1


@settings(max_examples=60, deadline=None)
@given(starts=any_starts.filter(lambda a: a.size > 1), batch_size=st.integers(1, 60))
def test_no_minibatch_is_a_single_step(starts: Starts, batch_size: int) -> None:
    """The standard deviation of one advantage is NaN, and would make every weight NaN."""
    buffer = filled(starts)
    for _ in range(3):
        assert all(batch.mask.sum() > 1 for batch in buffer.get(batch_size))


@settings(max_examples=60, deadline=None)
@given(starts=any_starts, batch_size=st.integers(1, 60), piece_size=st.integers(1, 60))
def test_pieces_are_the_minibatch(starts: Starts, batch_size: int, piece_size: int) -> None:
    whole, cut = filled(starts, packed=True), filled(starts, packed=True)
    batches = list(whole.get(batch_size))
    minibatches = list(cut.minibatches(batch_size, piece_size))
    assert len(minibatches) == len(batches)
    for batch, pieces in zip(batches, minibatches, strict=True):
        tags = torch.cat([piece.observations.flatten() for piece in pieces])
        assert sorted(tags.tolist()) == sorted(batch.observations.flatten().tolist())
        sizes = [len(piece.observations) for piece in pieces]
        single = [piece.lstm_states.pi[0].shape[1] == 1 for piece in pieces]
        assert all(size <= piece_size or alone for size, alone in zip(sizes, single, strict=True))
        lengths = [len(piece.lstm_states.sizes) for piece in pieces]
        assert lengths == sorted(lengths, reverse=True)


def test_minibatches_are_about_as_large_as_asked() -> None:
    starts = np.zeros((64, 8), dtype=np.bool_)
    starts[::4] = True
    sizes = [int(batch.mask.sum()) for batch in filled(starts).get(128)]
    assert sizes == [128] * 4


def test_shuffling_is_seeded_and_differs_from_epoch_to_epoch() -> None:
    starts = np.random.default_rng(0).random((16, 4)) < 0.3

    def order(buffer: SequenceBuffer) -> list[float]:
        return [float(tag) for batch in buffer.get(8) for tag in batch.observations[batch.mask > 0]]

    buffer, twin, other = filled(starts), filled(starts), filled(starts, seed=1)
    first = order(buffer)
    assert first == order(twin)
    assert first != order(other)
    assert order(buffer) != first


def test_advantages_by_hand() -> None:
    buffer = SequenceBuffer(3, TAG, spaces.Discrete(2), "cpu", gae_lambda=0.5, gamma=0.5, n_envs=2)
    buffer.start(some_states(2))
    starts = np.array([[0, 0], [0, 1], [0, 0]], dtype=np.bool_)
    for t in range(3):
        buffer.add(
            torch.zeros(2, 1),
            torch.zeros(2),
            torch.full((2,), t + 1.0),
            starts[t],
            torch.full((2, 1), 0.5 * (t + 1)),
            torch.zeros(2),
        )
    buffer.compute_returns_and_advantage(torch.tensor([[2.0], [2.0]]), np.array([False, True]))
    # deltas of the first: 1 + .5 * 1 - .5 = 1,  2 + .5 * 1.5 - 1 = 1.75,  3 + .5 * 2 - 1.5 = 2.5
    first = [1 + 0.25 * 2.375, 1.75 + 0.25 * 2.5, 2.5]
    # the second's episodes end after its first and its last step: 1 - .5 = .5, 1.75, 3 - 1.5 = 1.5
    second = [0.5, 1.75 + 0.25 * 1.5, 1.5]
    np.testing.assert_allclose(buffer._advantages.T.numpy(), [first, second], rtol=1e-6)
    np.testing.assert_allclose(buffer.returns, buffer._advantages.numpy() + buffer.values)


@settings(max_examples=30, deadline=None)
@given(starts=any_starts, seed=st.integers(0, 2**16), gae_lambda=st.sampled_from([0.0, 0.95, 1.0]))
def test_advantages_are_those_of_stable_baselines3(
    starts: Starts, seed: int, gae_lambda: float
) -> None:
    n_steps, n = starts.shape
    random = np.random.default_rng(seed)
    shared: dict[str, Any] = {"gae_lambda": gae_lambda, "gamma": 0.9, "n_envs": n}
    ours = SequenceBuffer(n_steps, TAG, spaces.Discrete(2), "cpu", **shared)
    theirs = RolloutBuffer(n_steps, TAG, spaces.Discrete(2), "cpu", **shared)
    for t in range(n_steps):
        reward, value, log_prob = random.normal(size=(3, n)).astype(np.float32)
        obs, action = np.zeros((n, 1), np.float32), np.zeros((n, 1))
        tensors = map(torch.from_numpy, (obs, action, reward, value, log_prob))
        obs_, action_, reward_, value_, log_prob_ = tensors
        ours.add(obs_, action_, reward_, starts[t], value_, log_prob_)
        theirs.add(obs, action, reward, starts[t], value_, log_prob_)
    last = torch.from_numpy(random.normal(size=n).astype(np.float32))
    dones = random.random(n) < 0.3
    ours.compute_returns_and_advantage(last, dones)
    theirs.compute_returns_and_advantage(last, dones)
    np.testing.assert_allclose(ours._advantages.numpy(), theirs.advantages, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.returns, theirs.returns, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.values, theirs.values)


@pytest.mark.parametrize(
    ("space", "dtype"),
    [
        (spaces.Box(0, 255, (1, 4, 4), np.uint8), torch.uint8),
        (spaces.Box(-1.0, 1.0, (2,), np.float64), torch.float64),
        (spaces.Discrete(5), torch.int64),
        (spaces.MultiDiscrete([3, 4]), torch.int64),
        (spaces.MultiBinary(3), torch.int8),
    ],
    ids=["image", "float64", "discrete", "multidiscrete", "multibinary"],
)
@pytest.mark.parametrize("in_dict", [False, True])
def test_observations_of_every_space(
    space: spaces.Space[Any], dtype: torch.dtype, in_dict: bool
) -> None:
    n_steps, n = 4, 2
    whole: spaces.Space[Any] = spaces.Dict({"seen": space, "tag": TAG}) if in_dict else space
    buffer = SequenceBuffer(n_steps, whole, spaces.Discrete(2), "cpu", n_envs=n)
    buffer.start(some_states(n))
    space.seed(0)
    stored = []
    for t in range(n_steps):
        seen = torch.from_numpy(np.stack([space.sample() for _ in range(n)]))
        stored.append(seen.clone())
        obs: Any = {"seen": seen, "tag": torch.full((n, 1), float(t))} if in_dict else seen
        buffer.add(obs, *(torch.zeros(n),) * 2, np.zeros(n, dtype=np.bool_), *(torch.zeros(n),) * 2)
        seen.zero_()  # the buffer must have its own copy
    buffer.compute_returns_and_advantage(torch.zeros(n), np.zeros(n, dtype=np.bool_))
    (batch,) = buffer.get()
    got = batch.observations["seen"] if in_dict else batch.observations
    got = cast(Tensor, got)
    assert got.dtype == dtype
    order = (
        [0, 1] if torch.equal(batch.lstm_states.pi[0][:, 0], some_states(n).pi[0][:, 0]) else [1, 0]
    )
    want = torch.stack(stored, dim=1)[order].flatten(0, 1)  # (N, T, ...) -> (N * T, ...)
    assert torch.equal(got, want.view(got.shape))


def test_actions_of_many_dimensions_come_back_in_order() -> None:
    space = spaces.Box(-1.0, 1.0, (2, 2), np.float32)
    buffer = SequenceBuffer(2, TAG, space, "cpu", n_envs=1)
    buffer.start(some_states(1))
    actions = torch.arange(8.0).view(2, 1, 2, 2)
    for action in actions:
        one = torch.zeros(1)
        buffer.add(one[:, None], action, one, np.zeros(1, dtype=np.bool_), one, one)
    buffer.compute_returns_and_advantage(torch.zeros(1), np.zeros(1, dtype=np.bool_))
    (batch,) = buffer.get()
    assert torch.equal(batch.actions, actions.view(2, 4))


def test_a_rollout_must_be_whole_and_have_its_states() -> None:
    buffer = SequenceBuffer(2, TAG, spaces.Discrete(2), "cpu")
    one = torch.zeros(1)
    starts = np.zeros(1, dtype=np.bool_)
    buffer.add(one[:, None], one, one, starts, one, one)
    with pytest.raises(ValueError, match="the buffer holds 1 of 2 steps; fill it"):
        next(buffer.get())
    buffer.add(one[:, None], one, one, starts, one, one)
    with pytest.raises(ValueError, match="no initial states"):
        next(buffer.get())
    buffer.reset()
    with pytest.raises(ValueError, match="the buffer holds 0 of 2 steps"):
        next(buffer.get())
