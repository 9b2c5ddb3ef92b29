"""The peers' own tests pass with ours in the place of recurrent PPO.

WARMRL_PEERS=path/to/stable-baselines3:path/to/stable-baselines3-contrib \
    pytest -m slow -n 0 tests/peers
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from warmrl.tests.pages import PAGES
from warmrl.tests.peers import comparison
from warmrl.tests.peers.comparison import (
    DELIBERATE,
    Difference,
    Failure,
    Outcome,
    checkouts,
    compare,
    play,
    report,
)

PATHS = list(filter(None, os.environ.get("WARMRL_PEERS", "").split(os.pathsep)))

TESTS = """
import pytest
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy
from sb3_contrib import RecurrentPPO

MODELS = {"ppo": PPO}
CARTPOLE = "CartPole-v1"

class Ones(ActorCriticPolicy):
    def forward(self, obs, deterministic=False):
        actions, values, log_prob = super().forward(obs, deterministic)
        return actions, 0 * values + 1, log_prob

@pytest.mark.parametrize("algorithm", [A2C, DQN, PPO])
def test_parametrised(algorithm):
    assert algorithm("MlpPolicy", CARTPOLE).policy.lstm_hidden_state_shape == (1, 1, 64)

def test_of_recurrent_ppo():
    model = RecurrentPPO("MlpLstmPolicy", CARTPOLE)
    assert hasattr(model, "reward_scale") and type(model.policy).__name__ == "MlpRnnPolicy"

def test_of_a_policy_without_states():
    buffer = MODELS["ppo"](Ones, CARTPOLE, n_steps=4).learn(4).rollout_buffer
    assert (buffer.values == 1).all()

def test_of_a_buffer():
    env = PPO("MlpPolicy", CARTPOLE).env
    assert type(RolloutBuffer(3, env.observation_space, env.action_space)).__module__ == "stand_ins"

def test_of_environments():
    with pytest.raises(ValueError, match="n_envs=0 must be at least 1"):
        make_vec_env(CARTPOLE, 0)
    assert make_vec_env(CARTPOLE, n_envs=2, vec_env_cls=None, env_kwargs={}).num_envs == 2

def test_that_fails():
    PPO("MlpPolicy", CARTPOLE, no_such_argument=1)

def test_of_another_algorithm():
    assert False, "left out"

def test_that_makes_another_too():
    PPO("MlpPolicy", CARTPOLE), DQN("MlpPolicy", CARTPOLE)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of a peer whose tests are few."""
    (tmp_path / "sb3_contrib").mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_few.py").write_text(TESTS)
    (tmp_path / "tests" / "test_of_others.py").write_text("raise SystemError")
    return tmp_path


def test_ours_stand_in_where_the_peers_tests_make_theirs(checkout: Path) -> None:
    outcomes = play(checkout, ["tests/test_few.py"], "both", longest=250)
    assert {
        test.partition("::test_")[2]: outcome.outcome for test, outcome in outcomes.items()
    } == {
        "parametrised[A2C]": "passed",
        "parametrised[PPO]": "passed",
        "of_recurrent_ppo": "passed",
        "of_a_policy_without_states": "passed",
        "of_a_buffer": "passed",
        "of_environments": "passed",
        "that_fails": "failed",
        "that_makes_another_too": "skipped",
    }
    assert all(outcome.stands_in for outcome in outcomes.values())
    assert "no_such_argument" in outcomes["tests/test_few.py::test_that_fails"].message


def test_what_ours_fail_twice_and_upstream_passes_is_a_failure(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcomes_of(names: str, passed: str) -> dict[str, Outcome]:
        return {
            name: Outcome("passed" if name in passed else "failed", name != "n", f"{name} is wrong")
            for name in names
        }

    def scripted(root: Path, tests: Sequence[str], cast: str, longest: int) -> dict[str, Outcome]:
        assert root == checkout
        if cast == "upstream":
            assert tests == [str(Path("tests", "test_few.py"))]
            return outcomes_of("abcdn", "abcn")
        if len(tests) == 3:
            return outcomes_of("abc", "a") if cast == "both" else outcomes_of("ab", "ab")
        return outcomes_of("".join(tests), "b") if cast == "both" else {}

    monkeypatch.setattr(comparison, "play", scripted)
    passed, failures = compare(checkout, ["both", "our policies"])
    assert passed == ["a", "b", "c"]
    assert failures[0] == Failure("c", "both", "c is wrong")
    assert failures[1][:2] == ("c", "our policies")
    assert "died" in failures[1].message
    lines = list(report(checkout, passed, failures))
    assert lines[0].endswith(
        ": upstream passes 3 tests, our policies 2, our algorithm 3, both 2 of them"
    )
    assert lines[1] == "  c with both: c is wrong"


@pytest.mark.parametrize("paths", [[], ["nowhere"], ["tests"]])
def test_what_is_no_checkout_is_refused(checkout: Path, paths: list[str]) -> None:
    with pytest.raises(ValueError, match="sb3_contrib"):
        checkouts([str(checkout / path) for path in paths])


@pytest.mark.parametrize("difference", DELIBERATE, ids=lambda difference: difference.page)
def test_what_differs_on_purpose_is_on_the_page(difference: Difference) -> None:
    assert difference.page in PAGES["docs/stable-baselines3.md"]


@pytest.mark.slow
@pytest.mark.skipif(not PATHS, reason="WARMRL_PEERS names no checkouts of the peers")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("path", PATHS or ["none"])
def test_ours_fail_nothing_that_upstream_passes(path: str) -> None:
    (root,) = checkouts([path])
    passed, failures = compare(root)
    print("\n".join(report(root, passed, failures)))
    assert passed
    assert not [failure for failure in failures if not failure.deliberate]
