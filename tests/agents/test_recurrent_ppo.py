"""Recurrent PPO on whole sequences against sb3-contrib's: rollouts, losses and updates."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
import sb3_contrib
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from warmrl.agents import CELLS, MlpRnnPolicy, RecurrentPPO
from warmrl.agents.sequence_buffer import Minibatch

VecEnvFactory: TypeAlias = Callable[..., VecEnv]

FIELDS = {
    "actions": "_actions",
    "rewards": "_rewards",
    "values": "_values",
    "log_probs": "_log_probs",
    "advantages": "_advantages",
    "returns": "_returns",
}
CRITICS: dict[str, dict[str, Any]] = {
    "shared": {"value_gradient": True},
    "shared, blocked": {"value_gradient": False},
    "own": {"enable_critic_lstm": True},
    "without memory": {"shared_lstm": False},
}


class Watcher(BaseCallback):
    """Keeps every rollout, in one form for both algorithms, and the weights after each update."""

    def __init__(self) -> None:
        super().__init__()
        self.rollouts: list[dict[str, np.ndarray[Any, Any]]] = []
        self.weights: list[torch.Tensor] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.weights.append(weights_of(self.model))

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        buffer = model.rollout_buffer
        fields = {
            name: np.asarray(getattr(buffer, own if hasattr(buffer, own) else name)).copy()
            for name, own in FIELDS.items()
        }
        starts = getattr(buffer, "_episode_starts", None)
        fields["starts"] = np.array(buffer.episode_starts if starts is None else starts, bool)
        self.rollouts.append(fields)


def weights_of(model: Any) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach().clone()


def make(algorithm: Any, env: VecEnv, policy: Any = MlpRnnPolicy, **kwargs: Any) -> Any:
    settings = {"n_steps": 12, "n_epochs": 2, "seed": 0, "device": "cpu"} | kwargs
    return algorithm(policy, env, **settings)


def small(**kwargs: Any) -> dict[str, Any]:
    return {"lstm_hidden_size": 6} | kwargs


def log_of(model: Any) -> dict[str, float]:
    return {k: v for k, v in model.logger.name_to_value.items() if k.startswith("train/")}


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("action", ["discrete", "box"])
def test_rollouts_are_upstreams(critic: str, action: str, random_vec_env: VecEnvFactory) -> None:
    """Bootstrapped rewards at truncations too: every episode of the environments is truncated."""
    space = spaces.Box(-1.0, 1.0, (2,), np.float32) if action == "box" else None
    rollouts = []
    for algorithm in (sb3_contrib.RecurrentPPO, RecurrentPPO):
        watcher = Watcher()
        env = random_vec_env(action_space=space, n_envs=3, length=4)
        kwargs = {"learning_rate": 0.0, "policy_kwargs": small(**CRITICS[critic])}
        make(algorithm, env, **kwargs).learn(3 * 12 * 3, callback=watcher)
        rollouts.append(watcher.rollouts)
    assert len(rollouts[0]) == len(rollouts[1]) == 3
    for theirs, ours in zip(*rollouts, strict=True):
        assert theirs["starts"][1:].any()
        for name in theirs:
            shape = ours[name].shape
            np.testing.assert_allclose(
                theirs[name].reshape(shape), ours[name], rtol=0, atol=2e-6, err_msg=name
            )


@pytest.mark.parametrize("critic", [*CRITICS, "upstream's policy"])
@pytest.mark.parametrize("truncates", [True, False])
def test_an_update_on_the_whole_rollout_is_upstreams(
    critic: str,
    truncates: bool,
    random_vec_env: VecEnvFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Loss terms and gradients: the weights after one step of gradient descent."""
    # Upstream rolls the rollout by a random number of steps, and cuts the sequence there
    monkeypatch.setattr(np.random, "randint", lambda *_: 0)
    policy: Any = MlpRnnPolicy if critic in CRITICS else "MlpLstmPolicy"
    results = []
    for algorithm in (sb3_contrib.RecurrentPPO, RecurrentPPO):
        env = random_vec_env(n_envs=3, length=5, truncates=truncates)
        kwargs = small(optimizer_class=torch.optim.SGD, net_arch=[5], **CRITICS.get(critic, {}))
        model = make(
            algorithm,
            env,
            policy,
            policy_kwargs=kwargs,
            batch_size=None if algorithm is RecurrentPPO else 36,
            n_epochs=1,
            learning_rate=0.5,
            ent_coef=0.1,
            max_grad_norm=1e6,
        )
        before = weights_of(model)
        model.learn(36)
        results.append((log_of(model), weights_of(model) - before))
    (their_log, their_change), (our_log, our_change) = results
    assert their_log.keys() == our_log.keys()
    for name, value in their_log.items():
        assert our_log[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    assert their_change.abs().max() > 1e-3
    torch.testing.assert_close(our_change, their_change, rtol=1e-3, atol=2e-6)


@pytest.mark.parametrize("critic", CRITICS)
@pytest.mark.parametrize("cell", CELLS)
def test_packed_minibatches_are_evaluated_as_padded_ones(
    cell: str, critic: str, random_vec_env: VecEnvFactory
) -> None:
    kwargs = small(cell=cell, n_lstm_layers=2, **CRITICS[critic])
    env = random_vec_env(n_envs=3, length=5)
    model = make(RecurrentPPO, env, learning_rate=0.0, policy_kwargs=kwargs).learn(72)
    results = []
    for packed in (False, True):
        model.rollout_buffer.packed = packed
        (batch,) = model.rollout_buffer.get()
        values, log_prob, entropy = model.policy.evaluate_actions(
            batch.observations, batch.actions.long().flatten(), *batch[6:8]
        )
        real = batch.mask > 0
        assert real.all() or not packed
        order = batch.returns[real].argsort()
        of_steps = (values.flatten(), log_prob, entropy, batch.old_values, batch.advantages)
        loss = (values.flatten() + log_prob + entropy)[real].square().mean()
        gradients = torch.autograd.grad(loss, list(model.policy.parameters()), allow_unused=True)
        results.append((*(part[real][order] for part in of_steps), *gradients))
    assert len(results[0][0]) == 36
    for padded, packed_ in zip(*results, strict=True):
        assert (padded is None) == (packed_ is None)
        if padded is not None:
            torch.testing.assert_close(packed_, padded, rtol=0, atol=1e-5)


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_policy_that_goes_too_far_is_stopped_and_said(
    verbose: int, random_vec_env: VecEnvFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first minibatch of the second pass is the first with another policy than played."""
    settings = {"learning_rate": 0.1, "target_kl": 1e-6, "n_epochs": 5, "batch_size": 24}
    model = make(RecurrentPPO, random_vec_env(), verbose=verbose, **settings).learn(24)
    said = [line for line in capsys.readouterr().out.splitlines() if "Early stopping" in line]
    assert len(said) == verbose
    assert all(line.startswith("Early stopping at step 1: KL ") for line in said)
    assert model._n_updates == 2
    log = log_of(model)
    assert log["train/approx_kl"] > 1e-6  # of the last pass, not of both
    first = make(RecurrentPPO, random_vec_env(), **settings | {"n_epochs": 1}).learn(24)
    assert log_of(first)["train/approx_kl"] == pytest.approx(0, abs=1e-6)


def test_schedules_are_followed(random_vec_env: VecEnvFactory) -> None:
    env = random_vec_env(n_envs=1)
    model = make(
        RecurrentPPO,
        env,
        learning_rate=lambda left: 0.01 * (2 + left),
        clip_range=lambda left: 0.2 * (2 + left),
        clip_range_vf=lambda left: 0.4 * (2 + left),
    )
    model.learn(18)  # the second rollout of 12 goes too far by a third
    log = log_of(model)
    assert log["train/learning_rate"] == pytest.approx(0.01 * (2 - 1 / 3))
    assert log["train/clip_range"] == pytest.approx(0.2 * (2 - 1 / 3))
    assert log["train/clip_range_vf"] == pytest.approx(0.4 * (2 - 1 / 3))
    with pytest.raises(ValueError, match="learning_rate=-1 must be"):
        make(RecurrentPPO, env, learning_rate=-1)


def test_rewards_are_scaled_before_bootstrapping(random_vec_env: VecEnvFactory) -> None:
    def rollout(**kwargs: Any) -> dict[str, np.ndarray[Any, Any]]:
        watcher = Watcher()
        env = random_vec_env(length=12, n_envs=1)
        make(RecurrentPPO, env, learning_rate=0.0, policy_kwargs=small(), **kwargs).learn(
            12, callback=watcher
        )
        return watcher.rollouts[0]

    one, half = rollout(), rollout(reward_scale=0.5)
    np.testing.assert_allclose(half["rewards"][:-1], 0.5 * one["rewards"][:-1], rtol=1e-6)
    bootstrap = one["rewards"][-1] - 2 * (one["rewards"][-1] - half["rewards"][-1])
    assert abs(bootstrap) > 1e-3  # gamma * V, which is not scaled
    np.testing.assert_array_equal(half["values"], one["values"])


def test_statistics_keep_the_rewards_of_the_environment(random_vec_env: VecEnvFactory) -> None:
    returns = []
    for scale in (1.0, 0.01):
        model = make(RecurrentPPO, random_vec_env(), learning_rate=0.0, reward_scale=scale).learn(
            48
        )
        returns.append([info["r"] for info in model.ep_info_buffer])
    assert returns[0] == returns[1]


@pytest.mark.parametrize("cell", CELLS)
def test_one_seed_gives_the_same_bits(cell: str, random_vec_env: VecEnvFactory) -> None:
    def train(seed: int) -> torch.Tensor:
        kwargs = small(cell=cell)
        env = random_vec_env()
        model = make(RecurrentPPO, env, seed=seed, batch_size=8, policy_kwargs=kwargs)
        return weights_of(model.learn(72))

    first = train(0)
    assert torch.equal(first, train(0))
    assert not torch.equal(first, train(1))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 24, 1000, None])
def test_weights_stay_finite_for_any_batch_size(
    batch_size: int | None, random_vec_env: VecEnvFactory
) -> None:
    """Episodes of one and two steps make many sequences of a single step."""
    model = make(RecurrentPPO, random_vec_env(length=1), batch_size=batch_size)
    assert weights_of(model.learn(72)).isfinite().all()


@pytest.mark.parametrize("what", ["reward", "observation"])
def test_numbers_that_are_not_finite_are_named(what: str, random_vec_env: VecEnvFactory) -> None:
    env = random_vec_env(faults={1: (3, what)})
    model = make(RecurrentPPO, env)
    with pytest.raises(
        ValueError, match=rf"^{what} nan of environment 1 at step 6: it must be finite$"
    ):
        model.learn(24)


def test_a_last_observation_that_is_not_finite_is_named(random_vec_env: VecEnvFactory) -> None:
    env = random_vec_env(length=3, faults={1: (4, "observation")})  # the second's episodes have 4
    with pytest.raises(ValueError, match=r"^observation nan of environment 1 at step 8: it must"):
        make(RecurrentPPO, env).learn(24)


def test_a_first_observation_that_is_not_finite_is_named(random_vec_env: VecEnvFactory) -> None:
    env = random_vec_env()
    reset = env.reset

    def broken() -> Any:
        observations: Any = reset()
        observations[1, 0] = np.inf
        return observations

    env.reset = broken  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"^observation inf of environment 1 at step 0: it must"):
        make(RecurrentPPO, env).learn(24)


def test_a_dict_observation_that_is_not_finite_is_named(random_vec_env: VecEnvFactory) -> None:
    box = spaces.Box(-1.0, 1.0, (3,), np.float32)
    env = random_vec_env(spaces.Dict({"a": box, "b": spaces.Discrete(2)}))
    step = env.step_wait

    def broken() -> Any:
        observations, *rest = step()
        seen: Any = observations
        seen["a"][0, 2] = np.nan
        return (observations, *rest)

    env.step_wait = broken  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"^observation 'a' nan of environment 0 at step 2: it"):
        make(RecurrentPPO, env, "MultiInputRnnPolicy").learn(24)


@pytest.mark.parametrize("squash", [False, True])
def test_actions_are_performed_as_predict_gives_them(
    squash: bool, random_vec_env: VecEnvFactory
) -> None:
    """Within bounds: squashed ones are scaled to them, others clipped."""
    space = spaces.Box(-0.5, 2.0, (2,), np.float32)
    env = random_vec_env(action_space=space)
    performed: list[np.ndarray[Any, Any]] = []
    step = env.step_async

    def watched(actions: np.ndarray[Any, Any]) -> None:
        performed.append(actions)
        step(actions)

    env.step_async = watched  # type: ignore[method-assign]
    kwargs = small(squash_output=squash, log_std_init=1.0)
    model = make(RecurrentPPO, env, use_sde=True, policy_kwargs=kwargs).learn(24)
    raw = model.rollout_buffer._actions.numpy()
    wanted = -0.5 + 2.5 * (raw + 1) / 2 if squash else np.clip(raw, -0.5, 2.0)
    assert np.ptp(raw) > 1
    np.testing.assert_allclose(np.stack(performed), wanted, rtol=0, atol=1e-6)


def test_one_step_is_enough_without_normalisation(random_vec_env: VecEnvFactory) -> None:
    env = random_vec_env(n_envs=1)
    model = make(RecurrentPPO, env, n_steps=1, normalize_advantage=False)
    assert weights_of(model.learn(6)).isfinite().all()


@pytest.mark.parametrize("normalize", [False, True])
def test_an_update_in_pieces_is_that_of_whole_minibatches(
    normalize: bool, random_vec_env: VecEnvFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = {}
    for size in (2**20, 40):
        monkeypatch.setattr("warmrl.agents.recurrent_ppo.PIECE_SIZE", size)
        model = make(
            RecurrentPPO,
            random_vec_env(),
            normalize_advantage=normalize,
            policy_kwargs=small(optimizer_class=torch.optim.SGD),
            learning_rate=0.1,
        )
        pieces = [len(batch) for batch in _minibatches_of(model.learn(24))]
        assert max(pieces) > 3 if size == 40 else pieces == [1] * len(pieces)
        learned[size] = weights_of(model), log_of(model)
    (weights, log), (weights_in_pieces, log_in_pieces) = learned.values()
    torch.testing.assert_close(weights_in_pieces, weights, rtol=0, atol=1e-6)
    assert log_in_pieces == pytest.approx(log, rel=1e-3, abs=1e-6)


def _minibatches_of(model: RecurrentPPO) -> list[Minibatch]:
    return list(model.rollout_buffer.minibatches(model.batch_size, model._piece_size))


def test_memory_reaches_over_rollouts(random_vec_env: VecEnvFactory) -> None:
    """The second rollout starts with the states that the first ended with."""
    env = random_vec_env(length=100)
    model = make(RecurrentPPO, env, n_steps=4, learning_rate=0.0)
    model.learn(8)
    ended = model._last_lstm_states.pi[0].clone()
    assert ended.any(dim=-1).all()
    model.learn(8, reset_num_timesteps=False)
    assert model.num_timesteps == 16
    (batch,) = model.rollout_buffer.get()
    carried = {tuple(h.tolist()) for h in batch.lstm_states.pi[0][0]}
    assert carried == {tuple(h.tolist()) for h in ended[0]}


def test_learning_anew_starts_without_memory(random_vec_env: VecEnvFactory) -> None:
    model = make(RecurrentPPO, random_vec_env(length=100), n_steps=4, learning_rate=0.0)
    model.learn(8)
    model.learn(8)
    assert model.num_timesteps == 8
    (batch,) = model.rollout_buffer.get()
    assert not batch.lstm_states.pi[0].any()


def test_normalised_observations_and_rewards_are_upstreams(random_vec_env: VecEnvFactory) -> None:
    rollouts = []
    for algorithm in (sb3_contrib.RecurrentPPO, RecurrentPPO):
        watcher = Watcher()
        env = VecNormalize(random_vec_env())
        make(algorithm, env, learning_rate=0.0).learn(48, callback=watcher)
        rollouts.append(watcher.rollouts[-1])
    for name in FIELDS:
        theirs, ours = (rollout[name] for rollout in rollouts)
        np.testing.assert_allclose(ours, theirs.reshape(ours.shape), rtol=0, atol=2e-6)
