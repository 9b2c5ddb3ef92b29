"""One training run of ours beside the reference: every rollout and every update is compared."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

from warmrl.agents import MlpRnnPolicy, RecurrentPPO
from warmrl.agents.sequence_buffer import SequenceBuffer
from warmrl.tests.reference.network import Memory, Network
from warmrl.tests.reference.ppo import Coefficients, Sequence, descend, ppo_loss
from warmrl.tests.reference.rollout import Rollout, roll_out
from warmrl.tests.reference.scripted import Episode, Scripted

GAMMA, GAE_LAMBDA, REWARD_SCALE = 0.9, 0.8, 0.5
LEARNING_RATE, MAX_GRAD_NORM = 0.1, 0.5
N_EPOCHS, N_ROLLOUTS = 2, 2
CRITICS: dict[str, dict[str, Any]] = {
    "shared": {"value_gradient": True},
    "shared, blocked": {"value_gradient": False},
    "separate": {"enable_critic_lstm": True},
    "without memory": {"shared_lstm": False},
}


@dataclass(frozen=True)
class Case:
    """A network, a training run and what happens in its environments."""

    cell: str
    critic: str
    double: bool
    skip: bool
    n_layers: int
    net_arch: list[int]
    packed: bool
    n_steps: int
    n_minibatches: int
    scripts: list[list[Episode]]
    """episodes of each environment"""
    seed: int


class Reference(BaseCallback):
    """Follows a training run with a network of its own, and fails where the two differ."""

    def __init__(self, case: Case, envs: list[Scripted], policy: MlpRnnPolicy) -> None:
        super().__init__()
        self.case, self.envs, self.network = case, envs, Network(policy)
        self.memories: list[Memory] = [self.network.blank() for _ in envs]

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.compare_weights()

    def _on_training_end(self) -> None:
        self.compare_weights()

    def _on_rollout_end(self) -> None:
        model: Any = self.model
        settings = Coefficients(
            model.clip_range(1.0), model.ent_coef, model.vf_coef, model.normalize_advantage
        )
        rollouts = [
            roll_out(
                self.network,
                env.record[-self.case.n_steps :],
                memory,
                GAMMA,
                GAE_LAMBDA,
                REWARD_SCALE,
            )
            for env, memory in zip(self.envs, self.memories, strict=True)
        ]
        self.memories = [rollout.after for rollout in rollouts]
        compare_rollouts(model.rollout_buffer, rollouts)
        twin = copy.deepcopy(model.rollout_buffer)  # which will shuffle alike
        for _ in range(N_EPOCHS):
            for batch in twin.get(model.batch_size):
                loss = ppo_loss(self.network, sequences_of(batch, rollouts), settings)
                descend(self.network, loss, LEARNING_RATE, MAX_GRAD_NORM)

    def compare_weights(self) -> None:
        for name, weight in self.model.policy.named_parameters():
            wanted = self.network.weights[name].detach()
            np.testing.assert_allclose(
                weight.detach().numpy(), wanted.numpy(), rtol=0, atol=2e-5, err_msg=name
            )


def compare_rollouts(buffer: SequenceBuffer, rollouts: list[Rollout]) -> None:
    for name in ("values", "log_probs", "rewards", "advantages"):
        got = getattr(buffer, f"_{name}").T.numpy()  # (T, N) -> (N, T)
        wanted = np.array([getattr(rollout, name) for rollout in rollouts])
        np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5, err_msg=name)


def sequences_of(batch: Any, rollouts: list[Rollout]) -> list[Sequence]:
    """The sequences of a minibatch, told by its observations, of which no two are alike."""
    seen = {tuple(row) for row in batch.observations[batch.mask > 0].tolist()}
    found = []
    for rollout in rollouts:
        starts = [t for t, step in enumerate(rollout.steps) if t == 0 or step.starts]
        for first, after in zip(starts, [*starts[1:], len(rollout.steps)], strict=True):
            steps = rollout.steps[first:after]
            inside = {tuple(step.observation.tolist()) in seen for step in steps}
            assert len(inside) == 1, "a sequence was cut"
            if inside == {True}:
                own = slice(first, after)
                advantages, values = rollout.advantages[own], rollout.values[own]
                found.append(
                    Sequence(
                        rollout.memories[first],
                        [step.observation for step in steps],
                        [step.action for step in steps],
                        rollout.log_probs[own],
                        advantages,
                        [a + v for a, v in zip(advantages, values, strict=True)],
                    )
                )
    assert sum(len(sequence.actions) for sequence in found) == int(batch.mask.sum())
    return found


def compare(case: Case) -> int:
    """Train, and compare all the way.

    :return: episodes that ended
    """
    envs = [Scripted(script, case.seed + i) for i, script in enumerate(case.scripts)]
    waiting = iter(envs)
    n_steps = case.n_steps * len(envs)
    model = RecurrentPPO(
        MlpRnnPolicy,
        DummyVecEnv([lambda: next(waiting)] * len(envs)),
        learning_rate=LEARNING_RATE,
        n_steps=case.n_steps,
        batch_size=max(n_steps // case.n_minibatches, 1),
        n_epochs=N_EPOCHS,
        gamma=GAMMA,
        gae_lambda=GAE_LAMBDA,
        ent_coef=0.05,
        max_grad_norm=MAX_GRAD_NORM,
        reward_scale=REWARD_SCALE,
        policy_kwargs={
            "cell": case.cell,
            "double": case.double,
            "skip": case.skip,
            "n_lstm_layers": case.n_layers,
            "lstm_hidden_size": 5,  # halves of two and of three units
            "net_arch": case.net_arch,
            "optimizer_class": torch.optim.SGD,
            **CRITICS[case.critic],
        },
        seed=case.seed,
        device="cpu",
    )
    model.rollout_buffer.packed = case.packed
    generator = torch.Generator().manual_seed(case.seed)
    with torch.no_grad():
        for parameter in model.policy.parameters():  # biases too, which begin as zeros
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    model.learn(N_ROLLOUTS * n_steps, Reference(case, envs, model.policy))
    return sum(env.n_episodes for env in envs)
