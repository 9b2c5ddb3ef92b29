"""A task in which nothing is idle, and an agent that has solved it: a shift register by hand."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from sb3_contrib import RecurrentPPO

from warmrl.envs import MemoryVecEnv, RepeatPrevious
from warmrl.tests.warmup.small_agents import frozen
from warmrl.warmup import ConsolidationCallback, ConsolidationConfig, GreedyJudge

SYMBOLS, DELAY, GAIN = 4, 4, 4.0
OPEN = 20.0  # of a gate


def shift_register() -> Any:
    """Each unit of an LSTM says whether a symbol was shown some steps ago, in 5 slots of 4."""
    task = RepeatPrevious(DELAY, SYMBOLS, n_answers=20, observe_previous=False)
    env = MemoryVecEnv(task, 16, seed=0)
    size = SYMBOLS * (DELAY + 1)
    kwargs = {"lstm_hidden_size": size, "net_arch": []}
    model = RecurrentPPO(
        "MlpLstmPolicy", env, n_steps=64, batch_size=256, n_epochs=1, seed=0, policy_kwargs=kwargs
    )
    policy = model.policy
    with torch.no_grad():
        for parameter in (*policy.lstm_actor.parameters(), *policy.action_net.parameters()):
            parameter.zero_()
        lstm = policy.lstm_actor
        takes, forgets, new, shows = lstm.bias_ih_l0.view(4, size)
        takes.fill_(OPEN)
        forgets.fill_(-OPEN)
        shows.fill_(OPEN)
        new[:SYMBOLS] = -GAIN
        symbols = torch.arange(SYMBOLS)
        lstm.weight_ih_l0.view(4, size, SYMBOLS)[2, symbols, symbols] = 2 * GAIN
        slots = torch.arange(size - SYMBOLS)
        lstm.weight_hh_l0.view(4, size, size)[2, slots + SYMBOLS, slots] = GAIN
        policy.action_net.weight[symbols, size - SYMBOLS + symbols] = 10.0
    return frozen(model)


def success(model: Any) -> float:
    played = GreedyJudge(n_episodes=64, seed=1)(model).score
    assert played.success is not None
    return played.success


def test_there_is_nothing_to_do() -> None:
    model = shift_register()
    assert success(model) == 1.0
    before = deepcopy(model.policy.state_dict())
    callback = ConsolidationCallback()
    model.learn(16 * 64, callback=callback)
    result = callback.result
    assert result is not None
    assert result.outcome == "nothing idle"
    torch.testing.assert_close(model.policy.state_dict(), before, rtol=0, atol=0)
    assert success(model) == 1.0


@pytest.mark.parametrize(("learning_rate", "taken_back"), [(1e-4, False), (0.1, True)])
def test_done_nevertheless_it_is_taken_back_where_it_harms(
    learning_rate: float, taken_back: bool
) -> None:
    model = shift_register()
    before = deepcopy(model.policy.state_dict())
    config = ConsolidationConfig(
        1, 10, min_idle=0.0, learning_rate=learning_rate, n_stretch_rounds=0, n_restarts=0
    )
    callback = ConsolidationCallback(config)
    model.learn(16 * 64, callback=callback)
    result = callback.result
    assert result is not None
    assert result.before is not None
    assert result.before.success == 1.0
    assert result.taken_back == taken_back
    assert success(model) == 1.0
    weight = "lstm_actor.weight_hh_l0"
    assert torch.equal(model.policy.state_dict()[weight], before[weight]) == taken_back
