"""What is varied, as the command line has it."""

import pytest

from warmrl.sweeps.grid import points_of, read_grid, settings_name, tuple_fields
from warmrl.sweeps.space import Choice, Range, read_space
from warmrl.training import TrainConfig, with_settings


def test_values_are_those_of_a_configuration() -> None:
    grid = read_grid(
        [
            *("cell=gru,lstm", "length=5,5 20", "double=True,False", "reward-scale=None,0.5"),
            *("env_kwargs.stochasticity=0,0.3", "env_kwargs.them=[1,2],[3]", "skip=None"),
            *("env_wrapper=a.B c.D,", "total_timesteps=32"),
        ]
    )
    assert grid == {
        "cell": ("gru", "lstm"),
        "length": ((5,), (5, 20)),
        "double": (True, False),
        "reward_scale": (None, 0.5),
        "env_kwargs.stochasticity": (0, 0.3),
        "env_kwargs.them": ([1, 2], [3]),
        "skip": (None,),
        "env_wrapper": (("a.B", "c.D"), ()),
        "total_timesteps": (32,),
    }
    assert tuple_fields() == {"length", "delay", "env_wrapper", "eval_delays"}


def test_points_are_all_combinations() -> None:
    points = points_of(read_grid(["cell=gru,lstm", "length=5,5 20"]))
    assert [point.name for point in points] == [
        *("cell=gru,length=5", "cell=gru,length=5-20"),
        *("cell=lstm,length=5", "cell=lstm,length=5-20"),
    ]
    assert [point.name for point in points_of({})] == [""]
    assert settings_name({"env": "warmrl/TMaze-v0", "env_kwargs.noise": 0.1}) == (
        "env=warmrl-TMaze-v0,noise=0.1"
    )


def test_settings_are_put_on_a_base() -> None:
    base = TrainConfig(env_kwargs={"stochasticity": 0.1, "horizon": 9}, length=(5,))
    config = with_settings(base, {"cell": "lstm", "env_kwargs.stochasticity": 0.3})
    assert (config.cell, config.length) == ("lstm", (5,))
    assert config.env_arguments == {"stochasticity": 0.3, "horizon": 9, "length": 5}
    assert base.env_arguments["stochasticity"] == 0.1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("gamma=0.9:0.999", Range(0.9, 0.999)),
        ("n_steps=32:256:32", Range(32, 256, step=32)),
        ("learning_rate=log:1e-4:1e-2", Range(1e-4, 1e-2, log=True)),
        ("cell=gru,lstm", Choice(("gru", "lstm"))),
        ("length=5,5 20", Choice(((5,), (5, 20)))),
        ("env=warmrl.envs:warmrl/TMaze-v0,b:c", Choice(("warmrl.envs:warmrl/TMaze-v0", "b:c"))),
    ],
)
def test_what_is_searched(words: str, expected: Range | Choice) -> None:
    (found,) = read_space([words], {}).values()
    assert found == expected
    if isinstance(found, Choice):
        assert [found.value(name) for name in found.names] == list(found.values)
    elif isinstance(expected, Range):
        assert type(found.low) is type(expected.low)
