"""Environments of POPGym and MiniGrid, where these are installed; and what is said where not."""

from importlib.util import find_spec as find_module
from typing import Any

import numpy as np
import pytest

from warmrl.agents import Agent
from warmrl.envs import make_vec_env
from warmrl.envs.packages import REGISTERED_BY, find_spec, imported_modules
from warmrl.evaluation import evaluate_env
from warmrl.train import train
from warmrl.training import TrainConfig

ONE_HOT = "minigrid.wrappers.OneHotPartialObsWrapper"


@pytest.mark.parametrize(
    ("env_id", "wrappers", "modules"),
    [
        ("CartPole-v1", (), []),
        ("a.b:CartPole-v1", (), ["a.b"]),
        ("popgym-RepeatFirstEasy-v0", (), ["popgym"]),
        ("mine:MiniGrid-MemoryS7-v0", ONE_HOT, ["mine", "minigrid", "minigrid.wrappers"]),
        ("CartPole-v1", ("a.B", "Nameless"), ["a"]),
    ],
)
def test_what_is_imported_is_known_before(
    env_id: str, wrappers: str | tuple[str, ...], modules: list[str]
) -> None:
    assert imported_modules(env_id, wrappers) == modules


@pytest.mark.parametrize("package", sorted(set(REGISTERED_BY.values())))
def test_a_package_that_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("importlib.import_module", missing)
    start = next(start for start, name in REGISTERED_BY.items() if name == package)
    with pytest.raises(ValueError, match=rf"needs the package {package}: pip install 'warmrl\["):
        find_spec(f"{start}Any-v0")


def trained(env: str, **fields: Any) -> tuple[TrainConfig, Agent]:
    config = TrainConfig(
        env=env,
        n_envs=4,
        n_steps=32,
        hidden_size=8,
        total_timesteps=256,
        warmup_steps=3,
        warmup_episodes=4,
        warmup_episode_steps=60,
        **fields,
    )
    run = train(config)
    assert run.warmup is not None
    return config, Agent(run.model)


@pytest.mark.skipif(find_module("popgym") is None, reason="needs the extra popgym")
@pytest.mark.filterwarnings("ignore:.*The infos returned by")  # of some games of POPGym's
@pytest.mark.parametrize("game", ["RepeatFirst", "Autoencode", "Battleship", "CountRecall"])
def test_popgym(game: str) -> None:
    config, agent = trained(f"popgym-{game}Easy-v0")
    result = evaluate_env(agent, config.env, config.env_arguments, n_episodes=3)
    assert (result.episodes, result.success_rate) == (3, None)


@pytest.mark.skipif(find_module("minigrid") is None, reason="needs the extra minigrid")
@pytest.mark.parametrize("wrapper", [(), (ONE_HOT,)])
def test_minigrid(wrapper: tuple[str, ...]) -> None:
    config, agent = trained("MiniGrid-MemoryS7-v0", env_wrapper=wrapper)
    result = evaluate_env(agent, config.env, config.env_arguments, n_episodes=3)
    assert 0 <= result.mean_return <= 1
    env = make_vec_env(config.env, 1, seed=0, **config.env_arguments)
    assert env.get_attr("left_out") == [("mission",)]
    shown: Any = env.reset()
    assert (np.max(shown["image"]) == 1) == bool(wrapper)
