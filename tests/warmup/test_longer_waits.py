"""Longer waits: what an agent does in them is compared with what it did in the real ones."""

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from warmrl.warmup.longer_waits import LongerWaits
from warmrl.warmup.sequels import Played
from warmrl.warmup.waits import Waiting

from .test_sequels import ACTIONS, BOX, a_policy

T, N, L = 12, 2, 3
DICT = spaces.Dict({"a": BOX, "b": spaces.Discrete(3)})


def a_rollout(space: Any, actions: Any) -> Played:
    """Episodes end with steps 2 and 9 of the first environment, and with step 4 of the other."""
    space.seed(0)
    actions.seed(1)
    dones = np.zeros((T, N), np.bool_)
    dones[[2, 9, 4], [0, 0, 1]] = True
    seen: list[Any] = [[space.sample() for _ in range(N)] for _ in range(T)]
    if isinstance(space, spaces.Dict):
        seen = [{key: np.stack([o[key] for o in row]) for key in space} for row in seen]
    else:
        seen = [np.stack(row) for row in seen]
    return Played(
        seen, [np.array([actions.sample() for _ in range(N)]) for _ in range(T)], [*dones]
    )


def waits(env: list[int], step: list[int]) -> Waiting:
    none = torch.zeros(0)
    numbers = np.array(env) + N * np.arange(len(env))
    return Waiting(None, (none, none), (none, none), numbers, np.array(step))


def one(played: Played, t: int, env: int) -> Any:
    seen = played.observations[t]
    return {k: v[[env]] for k, v in seen.items()} if isinstance(seen, dict) else seen[[env]]


def alone(policy: Any, played: Played, env: int, steps: list[tuple[int, int]]) -> list[float]:
    """Log-probabilities along an episode: what is seen after one step, and done in another."""
    layers, _, width = policy.lstm_hidden_state_shape
    state, start, result = (torch.zeros(layers, 1, width),) * 2, torch.ones(1), []
    for seen, acted in steps:
        obs, _ = policy.obs_to_tensor(one(played, seen, env))
        action = torch.as_tensor(played.actions[acted][[env]])
        action = action.long() if isinstance(policy.action_space, spaces.Discrete) else action
        states = RNNStates(state, state)
        with torch.no_grad():
            _, log_prob, _ = policy.evaluate_actions(obs, action, states, start)
            state = policy.forward(obs, states, start)[3].pi
        result.append(log_prob.item())
        start = torch.zeros(1)
    return result


def disturb(policy: Any) -> None:
    with torch.no_grad():
        for weight in policy.lstm_actor.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("space", [BOX, DICT])
def test_changes_are_those_of_single_steps(space: Any, kind: str) -> None:
    policy, played = a_policy(space, ACTIONS[kind]), a_rollout(space, ACTIONS[kind])
    policy.action_net.weight.data.mul_(100)  # whose first actions are all as likely
    longer = LongerWaits(policy, played, waits([0, 0, 1], [1, 6, 10]), L)
    assert longer.which.tolist() == [1, 2]  # the first episode of an environment has no beginning
    # What is seen after a step, and the step in which is acted then
    before = [[(t, t + 1) for t in range(2, 6)], [(t, t + 1) for t in range(4, 10)]]
    ends, after = [(6, 7), (10, 11)], [[(7, 8), (8, 9)], []]  # an episode ends, and the rollout
    then = [alone(policy, played, env, [*before[env], ends[env], *after[env]]) for env in range(N)]
    disturb(policy)
    for n_more in (0, 1, 5):
        want = []
        for env in range(N):
            end = ends[env][0]
            more = [(end, end)] * n_more
            now = alone(policy, played, env, [*before[env], *more, ends[env], *after[env]])
            n = len(before[env])
            changed = [x - then[env][n - 1] for x in now[n : n + n_more]]
            changed += [
                x - y for x, y in zip(now[n + n_more + 1 :], then[env][n + 1 :], strict=True)
            ]
            want.append(sum(x * x for x in changed))
        with torch.no_grad():
            both, second = longer.changes(n_more), longer.changes(n_more, torch.tensor([1]))
        assert both.tolist() == pytest.approx(want, rel=1e-3, abs=1e-5)
        assert second.tolist() == pytest.approx(want[1:], rel=1e-3, abs=1e-5)
    assert want[0] > 0.01


def test_nothing_has_changed_at_first() -> None:
    policy = a_policy(BOX, ACTIONS["discrete"])
    longer = LongerWaits(policy, a_rollout(BOX, ACTIONS["discrete"]), waits([0, 1], [6, 10]), L)
    with torch.no_grad():
        torch.testing.assert_close(longer.changes(0), torch.zeros(2), rtol=0, atol=1e-9)
        assert longer.changes(7).min() > 0


@pytest.mark.parametrize("upstream", [False, True])
def test_states_are_where_the_present_weights_lead(upstream: bool) -> None:
    played = a_rollout(BOX, ACTIONS["discrete"])
    policy = a_policy(BOX, ACTIONS["discrete"])
    if upstream:
        policy = RecurrentActorCriticPolicy(
            BOX, ACTIONS["discrete"], lambda _: 0.0, lstm_hidden_size=4
        )
    longer = LongerWaits(policy, played, waits([0, 0, 1], [1, 6, 10]), L)
    disturb(policy)
    with torch.no_grad():
        h, c = longer.states(policy.lstm_actor, lambda seen: seen)
        for i, (env, begin, end) in enumerate(((0, 2, 6), (1, 4, 10))):
            x = torch.as_tensor(np.stack([played.observations[t][env] for t in range(begin, end)]))
            _, (want_h, want_c) = policy.lstm_actor(x[:, None])
            torch.testing.assert_close(h[:, i], want_h[:, 0])
            torch.testing.assert_close(c[:, i], want_c[:, 0])


def test_there_may_be_none() -> None:
    policy = a_policy(BOX, ACTIONS["discrete"])
    longer = LongerWaits(policy, a_rollout(BOX, ACTIONS["discrete"]), waits([0, 1], [1, 3]), L)
    assert len(longer.which) == 0
