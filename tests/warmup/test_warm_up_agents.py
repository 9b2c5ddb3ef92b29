"""Warm-up meets this library's own policies, which it knows by their behaviour only."""

import copy

import pytest
import torch
from sb3_contrib import RecurrentPPO

from warmrl.agents import CELLS, MlpRnnPolicy
from warmrl.envs import make_vec_env
from warmrl.warmup import WarmupConfig, random_rollouts, warm_up


@pytest.mark.parametrize("cell", sorted(CELLS))
@pytest.mark.parametrize("partial", [True, False])
def test_double_layers_of_every_cell(cell: str, partial: bool) -> None:
    env = make_vec_env("warmrl/TMaze-v0", 8, seed=0, length=5)
    agent = RecurrentPPO(
        MlpRnnPolicy,
        env,
        seed=0,
        device="cpu",
        policy_kwargs={"cell": cell, "lstm_hidden_size": 8, "n_lstm_layers": 2},
    )
    before = copy.deepcopy(agent.policy.state_dict())
    config = WarmupConfig(
        n_steps=4, batch_size=8, drive_growth=2, vaa_states=10, vaa_steps=5, partial=partial
    )
    warm_up(agent, random_rollouts(env, 16, seed=0), config)
    after = agent.policy.state_dict()
    assert {k for k in before if not torch.equal(before[k], after[k])} == {
        k for k in before if ".warm." in k or (".cold." in k and not partial)
    }
