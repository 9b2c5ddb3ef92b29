"""Sequels: which steps follow a wait, and how likely what was done in them is."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO as UpstreamRecurrentPPO
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from warmrl.agents import MlpRnnPolicy, MultiInputRnnPolicy
from warmrl.warmup.sequels import Played, Sequels
from warmrl.warmup.waits import Waiting

BOX = spaces.Box(-1.0, 1.0, (3,))
ACTIONS = {
    "discrete": spaces.Discrete(4),
    "several": spaces.MultiDiscrete([2, 3]),
    "binary": spaces.MultiBinary(2),
    "continuous": spaces.Box(-1.0, 1.0, (2,)),
}
T, N, L = 7, 2, 3


def a_policy(space: Any, actions: Any, **kwargs: Any) -> Any:
    kind = MultiInputRnnPolicy if isinstance(space, spaces.Dict) else MlpRnnPolicy
    torch.manual_seed(0)
    return kind(space, actions, lambda _: 0.0, lstm_hidden_size=4, **kwargs)


def a_rollout(space: Any, actions: Any) -> Played:
    space.seed(0)
    actions.seed(1)
    dones = np.zeros((T, N), np.bool_)
    dones[4, 1] = True
    seen = [[space.sample() for _ in range(N)] for _ in range(T)]
    done = [np.array([actions.sample() for _ in range(N)]) for _ in range(T)]
    stacked: list[Any]
    if isinstance(space, spaces.Dict):
        stacked = [{key: np.stack([o[key] for o in row]) for key in space} for row in seen]
    else:
        stacked = [np.stack(row) for row in seen]
    return Played(stacked, done, list(dones))


def waits(policy: Any) -> tuple[Waiting, tuple[torch.Tensor, torch.Tensor]]:
    """One ends with step 1 of either environment, one with step 4 of the first."""
    env, step = np.array([0, 1, 0]), np.array([1, 1, 4])
    layers, _, width = policy.lstm_hidden_state_shape
    h = torch.zeros(layers, 3, width).normal_(generator=torch.Generator().manual_seed(0)).tanh()
    state = (h, torch.zeros_like(h))
    return Waiting(None, state, state, env + N * np.arange(3), step), state


def alone(policy: Any, played: Played, env: int, steps: Any, state: Any) -> list[float]:
    """Log-probabilities of what was done after these steps, one by one."""
    result = []
    for t in steps:
        seen = played.observations[t]
        one = {k: v[[env]] for k, v in seen.items()} if isinstance(seen, dict) else seen[[env]]
        action = torch.as_tensor(played.actions[t + 1][[env]])
        action = action.long() if isinstance(policy.action_space, spaces.Discrete) else action
        obs, _ = policy.obs_to_tensor(one)
        states = RNNStates(state, state)
        with torch.no_grad():
            _, log_prob, _ = policy.evaluate_actions(obs, action, states, torch.zeros(1))
            _, _, _, states = policy.forward(obs, states, torch.zeros(1))
        state = states.pi
        result.append(log_prob.item())
    return result


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("space", [BOX, spaces.Dict({"a": BOX, "b": spaces.Discrete(3)})])
def test_log_probabilities_are_those_of_single_steps(space: Any, kind: str) -> None:
    policy, played = a_policy(space, ACTIONS[kind]), a_rollout(space, ACTIONS[kind])
    waiting, state = waits(policy)
    sequels = Sequels(policy, played, waiting, state, L)
    # In the second environment an episode ends with step 4, and the rollout after step 6: of the
    # third wait only the sight after step 5 was still acted on.
    assert sequels.real.tolist() == [[True] * 3, [True, True, False], [True, False, False]]
    for wait, (env, steps) in enumerate(((0, (2, 3, 4)), (1, (2, 3)), (0, (5,)))):
        own = tuple(part[:, [wait]] for part in state)
        wanted = alone(policy, played, env, steps, own)
        got = sequels._log_probs[wait, : len(steps)].tolist()
        assert got == pytest.approx(wanted, rel=1e-4, abs=1e-5)


def test_changes_are_sums_of_squares_over_steps() -> None:
    policy, played = a_policy(BOX, ACTIONS["discrete"]), a_rollout(BOX, ACTIONS["discrete"])
    waiting, state = waits(policy)
    sequels = Sequels(policy, played, waiting, state, L)
    assert sequels.changes(state).tolist() == [0, 0, 0]
    other = (state[0][:, [1, 0]], state[1][:, [1, 0]])
    which = torch.tensor([0, 1])
    changed = sequels._of_actions(other, which) - sequels._log_probs[which]
    wanted = [changed[0].square().sum().item(), changed[1, :2].square().sum().item()]
    assert min(wanted) > 0
    assert sequels.changes(other, which).tolist() == pytest.approx(wanted)


def test_sb3_contribs_policy_is_evaluated_alike() -> None:
    class Env(gym.Env[Any, Any]):
        observation_space, action_space = BOX, ACTIONS["discrete"]

    settings: Any = {"policy_kwargs": {"lstm_hidden_size": 4}, "n_steps": 8, "device": "cpu"}
    policy: Any = UpstreamRecurrentPPO("MlpLstmPolicy", Env(), **settings).policy
    played = a_rollout(BOX, ACTIONS["discrete"])
    waiting, state = waits(policy)
    sequels = Sequels(policy, played, waiting, state, L)
    wanted = alone(policy, played, 0, (2, 3, 4), tuple(part[:, [0]] for part in state))
    assert sequels._log_probs[0].tolist() == pytest.approx(wanted, rel=1e-4, abs=1e-5)
