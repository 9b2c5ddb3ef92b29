"""Callbacks that only watch: with them and without, training comes to the same bits."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import RecurrentPPO as UpstreamRecurrentPPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from warmrl.agents import MlpRnnPolicy, RecurrentPPO
from warmrl.envs import TMaze, make_vec_env
from warmrl.training import (
    Checkpoints,
    JudgedPractice,
    ProgressBar,
    StopWhenSolved,
    TrainConfig,
    consolidation,
)
from warmrl.training.progress_csv import ProgressCsv
from warmrl.warmup import ConsolidationCallback, Episodes, WarmupCallback

N, T = 4, 16
CONFIG = TrainConfig(n_envs=N, n_steps=T, total_timesteps=6 * N * T, length=(3,))


class AtTheEnd(BaseCallback):
    """Keeps everything that training has come to, before anything else is done."""

    def __init__(self) -> None:
        super().__init__()
        self.rollouts: list[Any] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.rollouts.append(everything(self.model))

    def _on_training_end(self) -> None:
        self.rollouts.append(everything(self.model))


def everything(model: Any) -> Any:
    """Weights, moments and random streams."""
    numpy: Any = np.random.get_state()  # noqa: NPY002
    buffer = getattr(model.rollout_buffer, "random", None)
    moments = model.policy.optimizer.state_dict()["state"]
    return {
        "weights": {name: value.tolist() for name, value in model.policy.state_dict().items()},
        "moments": {i: {k: v.tolist() for k, v in m.items()} for i, m in moments.items()},
        "torch": torch.get_rng_state().tolist(),
        "numpy": (numpy[1].tolist(), numpy[2]),
        "python": random.getstate(),
        "buffer": buffer and buffer.bit_generator.state["state"],
        "episodes": [info["r"] for info in model.ep_info_buffer],
    }


def ours() -> Any:
    return made(RecurrentPPO, MlpRnnPolicy)


def ours_in_upstream() -> Any:
    return made(UpstreamRecurrentPPO, MlpRnnPolicy)


def upstream() -> Any:
    return made(UpstreamRecurrentPPO, "MlpLstmPolicy")


def normalised() -> Any:
    env = make_vec_env("CartPole-v1", N, seed=0)
    return made(RecurrentPPO, MlpRnnPolicy, VecNormalize(env))


def made(algorithm: Any, policy: Any, env: VecEnv | None = None) -> Any:
    env = make_vec_env("warmrl/TMaze-v0", N, seed=0, length=3) if env is None else env
    kwargs = {"lstm_hidden_size": 8}
    return algorithm(
        policy, env, n_steps=T, batch_size=24, n_epochs=2, seed=0, policy_kwargs=kwargs
    )


def solved_at_once() -> StopWhenSolved:
    solved = StopWhenSolved(None)
    solved.set_state({"solved_at": 0, "practised": 0})
    return solved


def no_judge(_: Any) -> Episodes:
    return Episodes(np.zeros(1))


def checkpoints(folder: Path) -> Checkpoints:
    return Checkpoints(folder, ProgressCsv(folder / "progress.csv"), CONFIG)


WATCHERS: dict[str, Callable[[Path], BaseCallback]] = {
    "consolidation": lambda _: ConsolidationCallback(judge=no_judge),
    "consolidation of a run": lambda _: consolidation(TMaze(3), solved_at_once(), no_judge, CONFIG),
    "warm-up of what was trained": lambda _: WarmupCallback(8),
    "progress bar": lambda _: ProgressBar(2, CONFIG.total_timesteps),
    "solved": lambda _: StopWhenSolved(None),
    "solved, annealed": lambda _: StopWhenSolved(None, anneal=True),
    "practice": lambda _: JudgedPractice(solved_at_once(), no_judge),
    "checkpoints": checkpoints,
}


def trained(model: Any, *callbacks: BaseCallback) -> list[Any]:
    """What training came to, rollout after rollout, after one without callbacks."""
    model.learn(N * T)
    end = AtTheEnd()
    model.learn(3 * N * T, callback=[end, *callbacks], reset_num_timesteps=False)
    return end.rollouts


EXPECTED: dict[Callable[[], Any], list[Any]] = {}


@pytest.mark.parametrize("watcher", WATCHERS)
@pytest.mark.parametrize("make", [ours, ours_in_upstream, upstream, normalised])
def test_training_is_the_same(
    make: Callable[[], Any], watcher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consolidated: list[Any] = []
    monkeypatch.setattr(
        ConsolidationCallback, "_consolidated", lambda _, kept: consolidated.append(kept)
    )
    if watcher == "checkpoints" and make is not ours:
        pytest.skip("checkpoints are of runs of train.py")
    if make not in EXPECTED:
        EXPECTED[make] = trained(make())
    found = trained(make(), WATCHERS[watcher](tmp_path))
    assert len(found) == 3 + 1
    if make is not normalised:  # whose observations are always new
        assert len(consolidated) == watcher.startswith("consolidation")
    for number, (one, other) in enumerate(zip(found, EXPECTED[make], strict=True)):
        for name in one:
            assert one[name] == other[name], f"{name} of rollout {number}"
