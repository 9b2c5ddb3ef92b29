"""Where memory begins, goes on and ends, which users of recurrent PPO ask about most."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import CELLS, RecurrentPPO

VecEnvFactory: TypeAlias = Callable[..., VecEnv]
every_cell = pytest.mark.parametrize("cell", CELLS)


def trained(env: VecEnv, **kwargs: Any) -> RecurrentPPO:
    """With a rollout in its buffer, and weights that have not moved since."""
    settings: dict[str, Any] = {"n_steps": 12, "n_epochs": 1, "learning_rate": 0.0, "seed": 0}
    policy_kwargs = {"lstm_hidden_size": 6, "n_lstm_layers": 2} | kwargs
    model = RecurrentPPO("MlpRnnPolicy", env, policy_kwargs=policy_kwargs, device="cpu", **settings)
    with torch.no_grad():
        for i, parameter in enumerate(model.policy.parameters()):
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(i))
            parameter += 0.3 * noise
    model.learn(12 * env.num_envs)
    return model


def evaluate(model: RecurrentPPO, batch: Any, observations: Any = None) -> tuple[Any, ...]:
    seen = batch.observations if observations is None else observations
    evaluated: tuple[Any, ...] = model.policy.evaluate_actions(
        seen, batch.actions.long().flatten(), batch.lstm_states, batch.episode_starts
    )
    return evaluated


@every_cell
@pytest.mark.parametrize("n_envs", [1, 2, 5])
def test_predictions_do_not_depend_on_how_many_environments_trained(
    cell: str, n_envs: int, random_vec_env: VecEnvFactory
) -> None:
    """Trained in three environments, it plays in N as it does in one at a time."""
    model = trained(random_vec_env(n_envs=3), cell=cell)
    random = np.random.default_rng(0)
    seen = random.normal(size=(9, n_envs, 3)).astype(np.float32)
    starts = random.random((9, n_envs)) < 0.3

    def states(envs: slice) -> Any:
        state, found = None, []
        for observation, start in zip(seen[:, envs], starts[:, envs], strict=True):
            _, state = model.predict(observation, state, start, deterministic=True)
            assert state is not None
            found.append(state[0])
        return np.stack(found)

    together = states(slice(None))
    for i in range(n_envs):
        np.testing.assert_allclose(states(slice(i, i + 1))[:, :, 0], together[:, :, i], atol=1e-6)


@every_cell
def test_predict_goes_on_with_a_state_and_begins_without(
    cell: str, random_vec_env: VecEnvFactory
) -> None:
    model = trained(random_vec_env(), cell=cell)
    first, second = np.random.default_rng(0).normal(size=(2, 2, 3)).astype(np.float32)
    _, before = model.predict(first)
    assert before is not None
    kept = [part.copy() for part in before]
    _, with_it = model.predict(second, before)
    _, restarted = model.predict(second, before, np.ones(2, bool))
    _, without = model.predict(second)
    assert with_it is not None
    assert restarted is not None
    assert without is not None
    np.testing.assert_array_equal(restarted[0], without[0])
    assert not np.isclose(with_it[0], without[0]).all(axis=(0, 2)).any()
    for part, copy in zip(before, kept, strict=True):
        np.testing.assert_array_equal(part, copy)


@every_cell
@pytest.mark.parametrize("packed", [False, True])
def test_an_episode_begins_with_zeros_and_not_with_the_last_ones_end(
    cell: str, packed: bool, random_vec_env: VecEnvFactory
) -> None:
    """The states at hand at a reset are still those of the terminal step."""
    model = trained(random_vec_env(length=3), cell=cell)
    model.rollout_buffer.packed = packed
    model.learn(24, reset_num_timesteps=False)  # goes on within episodes of four steps
    (batch,) = model.rollout_buffer.get()
    begins = batch.lstm_states.pi[0].abs().sum(dim=(0, 2)) == 0  # (n_seq,)
    carried = int((~model.rollout_buffer._episode_starts[0]).sum())
    assert int((~begins).sum()) == carried
    assert int(begins.sum()) == int(model.rollout_buffer._episode_starts.sum())


@every_cell
@pytest.mark.parametrize("packed", [False, True])
def test_what_was_stored_is_what_is_recomputed(
    cell: str, packed: bool, random_vec_env: VecEnvFactory
) -> None:
    """Under the weights that played, no value is stale."""
    model = trained(random_vec_env(n_envs=3, length=5), cell=cell)
    model.rollout_buffer.packed = packed
    for batch in model.rollout_buffer.get(12):
        real = batch.mask > 0
        values, log_probs, _ = evaluate(model, batch)
        torch.testing.assert_close(values.flatten()[real], batch.old_values[real])
        torch.testing.assert_close(log_probs[real], batch.old_log_prob[real])


@every_cell
@pytest.mark.parametrize("packed", [False, True])
def test_nothing_passes_from_one_sequence_to_another(
    cell: str, packed: bool, random_vec_env: VecEnvFactory
) -> None:
    """Neither between environments nor over the end of an episode."""
    model = trained(random_vec_env(n_envs=3, length=5), cell=cell)
    model.rollout_buffer.packed = packed
    model.policy.value_gradient = True  # the values tell what passes from where
    (batch,) = model.rollout_buffer.get()
    n_seq = batch.lstm_states.pi[0].shape[1]
    rows = torch.arange(len(batch.observations))
    if packed:
        sizes = batch.lstm_states.sizes.tolist()
        sequence = torch.cat([torch.arange(n) for n in sizes])
    else:
        sequence = rows // (len(rows) // n_seq)
    seen = batch.observations.clone().requires_grad_()
    values = evaluate(model, batch, seen)[0].flatten()
    for i in range(n_seq):
        own = sequence == i
        (gradient,) = torch.autograd.grad(values[own].sum(), seen, retain_graph=True)
        assert not gradient[~own].any()
        assert gradient[own].any(dim=1)[: int((own & (batch.mask > 0)).sum())].all()
