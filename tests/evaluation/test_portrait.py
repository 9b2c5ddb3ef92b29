"""Portraits: where the states of every cue end, on automata whose answer is known."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from warmrl.agents import Agent, MlpRnnPolicy
from warmrl.envs import DelayedRecall, TMaze, make_vec_env
from warmrl.evaluation import check_cues, headline, portray
from warmrl.evaluation.portrait import Portrait, _period
from warmrl.tests.evaluation.automaton import tmaze_automaton

RIGHT, UP, DOWN = 0, 1, 3


def test_an_agent_that_remembers_rests_in_two_places() -> None:
    # state 1 after cue up, 2 after cue down
    agent = tmaze_automaton(
        3,
        {
            (0, "up"): (1, RIGHT),
            (0, "down"): (2, RIGHT),
            (1, "corridor"): (1, RIGHT),
            (2, "corridor"): (2, RIGHT),
            (1, "junction"): (1, UP),
            (2, "junction"): (2, DOWN),
        },
    )
    portrait = portray(agent, TMaze(), n_steps=40)
    assert portrait.paths[:, :, 0].T.tolist() == [[0, *[1] * 40], [0, *[2] * 40]]
    assert portrait.periods == [1, 1]
    assert portrait.ends.tolist() == [0, 1]
    assert portrait.gap == 1
    assert portrait.left.all()
    assert portrait.solved.all()
    assert portrait.n_steps == 40


def test_an_agent_that_stays_with_the_cue_shows_no_memory() -> None:
    agent = tmaze_automaton(3, {(0, "up"): (1, UP), (0, "down"): (2, RIGHT)})
    portrait = portray(agent, TMaze(), n_steps=40)
    assert portrait.left.tolist() == [False, False]
    assert "2 cues, of which the agent never leaves 2" in headline(portrait)


def test_an_agent_that_forgets_has_one_end_and_is_right_for_one_cue() -> None:
    # three states in turn, into which the second cue comes a step later
    agent = tmaze_automaton(
        4,
        {
            (0, "up"): (1, RIGHT),
            (0, "down"): (2, RIGHT),
            **{(s, "corridor"): (s % 3 + 1, RIGHT) for s in (1, 2, 3)},
            **{(s, "junction"): (s, UP) for s in (1, 2, 3)},
        },
    )
    portrait = portray(agent, TMaze(), n_steps=60)
    assert portrait.periods == [3, 3]
    assert portrait.ends.tolist() == [0, 0]
    assert portrait.n_ends == 1
    assert portrait.gap == math.inf
    assert portrait.solved.tolist() == [True, False]
    assert portrait.end_in_words(0) == "a cycle of 3 steps"
    assert sorted(portrait.end(0)[:, 0]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("tail", "period"),
    [
        (np.zeros(100), 1),
        (np.arange(100) % 7, 7),
        (np.arange(100) * 5e-5, None),  # so slow that neighbours look the same
        (np.arange(100) % 60, None),  # seen less than twice
        (np.append(np.ones(50), np.zeros(50)), None),
    ],
)
def test_period(tail: np.ndarray, period: int | None) -> None:
    assert _period(np.append(np.full(300, 9.0), tail)[:, None].astype(np.float32)) == period


def agent_of(env: str, cell: str, **env_kwargs: Any) -> Agent:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vec_env = make_vec_env(env, 1, **env_kwargs)
        policy = MlpRnnPolicy(
            vec_env.observation_space,
            vec_env.action_space,
            lambda _: 0.0,
            cell=cell,
            lstm_hidden_size=8,
            n_lstm_layers=2,
        )
    return Agent(policy)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_paths_are_those_of_the_agent(cell: str) -> None:
    agent, task = agent_of("warmrl/DelayedRecall-v0", cell, n_cues=2), DelayedRecall(n_cues=2)
    portrait = portray(agent, task, n_steps=20)
    assert portrait.names[::11] == ["0 0", "7 7"]
    assert len(portrait.names) == 12
    assert portrait.paths.shape == (21, 12, 16)
    env = make_vec_env("warmrl/DelayedRecall-v0", 1, seed=0, n_cues=2, delay=30)
    first = portrait.paths[1, [0, -1]]
    assert not np.allclose(first[0], first[1])
    # What the first step leaves in the agent's own memory, for the cue that the environment drew
    observation = env.reset()
    _, (h, _) = agent.step(torch.as_tensor(observation), agent.step.initial_state(1))
    symbol = int(np.asarray(observation)[0, 9:17].argmax())
    same = np.array([name.startswith(str(symbol)) for name in portrait.names])
    assert same.any()
    expected = np.broadcast_to(h[:, 0].flatten().numpy(), (int(same.sum()), 16))
    np.testing.assert_allclose(portrait.paths[1, same], expected, rtol=1e-5, atol=1e-6)


def test_ends_in_words() -> None:
    paths = np.zeros((41, 1, 2), np.float32)
    paths[-10:, 0, 0] = np.linspace(0, 0.5, 10)
    yes = np.array([True])
    portrait = Portrait(["up"], paths, [None], np.array([0]), yes, yes)
    assert portrait.end_in_words(0) == "still moving, within 0.5"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (None, "attractors=True must be left out: env='A-v0' has no delay"),
        (TMaze(stochasticity=0.1), "attractors=True must be left out: something is random"),
        (DelayedRecall(n_cues=9), "at most 4096 can be enumerated"),
    ],
)
def test_tasks_without_cues_are_refused(task: TMaze | DelayedRecall | None, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        check_cues(task, "A-v0")
    assert "\n" not in str(caught.value)
