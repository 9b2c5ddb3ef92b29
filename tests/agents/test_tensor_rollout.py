"""Rollouts that stay on the device are those of the numpy environments."""

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from warmrl.agents import MlpRnnPolicy, RecurrentPPO
from warmrl.envs import DelayedRecall, MemoryTask, MemoryVecEnv, TensorVecEnv, TMaze
from warmrl.tests.envs.shared_noise import share_noise
from warmrl.train import train
from warmrl.training import TrainConfig, build_model

N, STEPS = 3, 24
TASKS = [TMaze(3), TMaze((2, 4), stochasticity=0.3), DelayedRecall(delay=(1, 3), n_cues=2)]


def agent(env: VecEnv, cell: str = "gru", critic: str = "shared") -> RecurrentPPO:
    return RecurrentPPO(
        MlpRnnPolicy,
        env,
        n_steps=STEPS,
        batch_size=24,
        n_epochs=2,
        reward_scale=0.5,
        seed=0,
        device="cpu",
        policy_kwargs={
            "cell": cell,
            "lstm_hidden_size": 6,
            "enable_critic_lstm": critic == "separate",
        },
    )


class EveryStep(BaseCallback):
    """Prepares the noise of the next step, and notes what it is shown."""

    def __init__(self, next_step: Any, stop_at: int | None = None) -> None:
        super().__init__()
        self.next_step = next_step
        self.stop_at = stop_at
        self.seen: list[Any] = []

    def _on_rollout_start(self) -> None:
        self.next_step()

    def _on_step(self) -> bool:
        self.next_step()
        shown = self.locals["new_obs"], self.locals["dones"]
        self.seen.append([np.asarray(part).copy() for part in shown])
        return self.num_timesteps != self.stop_at


def learned(task: MemoryTask, critic: str, on_tensors: bool) -> tuple[RecurrentPPO, EveryStep]:
    tensors, arrays = TensorVecEnv(task, N, "cpu"), MemoryVecEnv(task, N)
    env = tensors if on_tensors else arrays
    model = agent(env, "lstm", critic)
    env._reset_seeds()  # the model's seed would replace the noise
    every = EveryStep(share_noise(tensors, arrays, seed=1))
    model.learn(3 * N * STEPS, callback=every)
    return model, every


@pytest.mark.parametrize("critic", ["shared", "separate"])
@pytest.mark.parametrize("task", TASKS, ids=repr)
def test_learning_is_the_same(task: MemoryTask, critic: str) -> None:
    ours, our_steps = learned(task, critic, on_tensors=True)
    theirs, their_steps = learned(task, critic, on_tensors=False)
    assert ours.num_timesteps == theirs.num_timesteps
    for own, other in zip(our_steps.seen, their_steps.seen, strict=True):
        assert all(map(np.array_equal, own, other))
    for name, expected in theirs.policy.state_dict().items():
        torch.testing.assert_close(ours.policy.state_dict()[name], expected, rtol=0, atol=1e-6)
    assert ours.ep_info_buffer
    assert theirs.ep_info_buffer
    for own, other in zip(ours.ep_info_buffer, theirs.ep_info_buffer, strict=True):
        assert own["l"] == other["l"]
        assert own["r"] == pytest.approx(other["r"], abs=1e-5)
    assert ours.ep_success_buffer == theirs.ep_success_buffer
    if isinstance(task, TMaze):
        cut = [info for info in theirs.ep_info_buffer if info["r"] < 0]
        assert cut, "no episode was truncated"


def test_a_callback_stops_it() -> None:
    env = TensorVecEnv(TMaze(3), N, "cpu", seed=0)
    model = agent(env)
    model.learn(3 * N * STEPS, callback=EveryStep(lambda: None, stop_at=5 * N))
    assert model.num_timesteps == 5 * N


@pytest.mark.parametrize("cell", ["gru", "mgu", "nbrc"])
def test_memory_reaches_over_rollouts(cell: str) -> None:
    model = agent(TensorVecEnv(TMaze(60), N, "cpu", seed=0), cell)
    model.learn(N * STEPS)
    before = model._last_lstm_states.pi[0].clone()
    assert before.abs().max() > 0
    model.learn(N * STEPS, reset_num_timesteps=False)
    initial = model.rollout_buffer._initial
    assert initial is not None
    assert torch.equal(initial.pi[0], before)


def test_a_state_that_is_not_finite_is_named() -> None:
    model = agent(TensorVecEnv(TMaze(3), N, "cpu", seed=0))
    with torch.no_grad():
        model.policy.value_net.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="value nan of environment 0 at step 3: it must be finite"):
        model.learn(N * STEPS)


def test_under_a_wrapper_it_steps_in_numpy(tmp_path: Any) -> None:
    env = VecNormalize(TensorVecEnv(TMaze(3), N, "cpu", seed=0))
    model = agent(env)
    model.learn(N * STEPS, callback=CheckpointCallback(N * STEPS, str(tmp_path)))
    assert isinstance(model._last_obs, np.ndarray)


def test_it_is_warmed_up_trained_and_consolidated() -> None:
    config = TrainConfig(
        length=(3,), n_steps=32, total_timesteps=100_000, solved_rollouts=2, warmup_steps=20
    )
    env = TensorVecEnv(TMaze(3), config.n_envs, "cpu", seed=0)
    trained = train(config, model=build_model(config, env))
    assert trained.solved_at is not None
    assert trained.consolidation is not None
    assert trained.consolidation.kept
    assert trained.consolidation.after is not None
    assert trained.consolidation.after.success == 1
