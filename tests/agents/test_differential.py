"""Ours against sb3-contrib's algorithm, with the same weights, in random configurations."""

from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from .differential.comparison import check
from .differential.configuration import Configuration, configurations

USUAL = Configuration()


def failure(config: Configuration) -> Exception | None:
    try:
        check(config)
    except Exception as error:
        return error
    return None


def simplified(config: Configuration) -> Configuration:
    """A configuration that fails too, with as many usual fields as can be."""
    for field in fields(config):
        simpler = replace(config, **{field.name: getattr(USUAL, field.name)})
        if simpler != config and failure(simpler) is not None:
            config = simpler
    return config


def one_line(config: Configuration) -> str:
    chosen = {field.name: getattr(config, field.name) for field in fields(config)}
    unusual = [f"{k}={v!r}" for k, v in chosen.items() if v != getattr(USUAL, k)]
    return f"check(Configuration({', '.join(unusual)}))"


def search(examples: int, number: int) -> None:
    """Draw configurations; the first that fails is simplified, and told in one line."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
        report_multiple_bugs=False,
    )
    @given(config=configurations())
    def hold(config: Configuration) -> None:
        if failure(config) is not None:
            simple = simplified(config)
            raise AssertionError(one_line(simple)) from failure(simple)

    hold()


def test_a_few_configurations() -> None:
    search(25, 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(1, 9))
def test_two_thousand_configurations(number: int) -> None:
    search(250, number)


def test_what_fails_is_told_in_one_line() -> None:
    config = replace(USUAL, seed=3, observations="dict", rewards="int8")
    text = one_line(config)
    assert text == "check(Configuration(seed=3, observations='dict', rewards='int8'))"
