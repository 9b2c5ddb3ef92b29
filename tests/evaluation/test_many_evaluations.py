"""Thousands of evaluations in one process leave nothing behind."""

import os
import threading
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from gymnasium import spaces

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import TMaze, make_vec_env
from warmrl.evaluation import evaluate_env, success_figure, sweep, write_evaluation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="counts handles in /dev/fd")


def handles() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_evaluations_leave_no_handles(tmp_path: Path) -> None:
    space = make_vec_env("warmrl/TMaze-v0", 1).observation_space
    agent = Agent(MlpRnnPolicy(space, spaces.Discrete(4), lambda _: 0.0, lstm_hidden_size=4))
    cart = make_vec_env("CartPole-v1", 1)
    other = Agent(
        MlpRnnPolicy(cart.observation_space, cart.action_space, lambda _: 0.0, lstm_hidden_size=4)
    )
    counts = []
    for number in range(3000):
        results = sweep(agent, "warmrl/TMaze-v0", {"length": 3}, (2, 3), 2, number)
        if number % 10 == 0:
            evaluate_env(other, "CartPole-v1", {}, 2, number)
            write_evaluation(tmp_path, results, figure=success_figure(results, TMaze(length=3)))
            counts.append((handles(), threading.active_count(), len(plt.get_fignums())))
    assert set(counts[1:]) == {counts[1]}
