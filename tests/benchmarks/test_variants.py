"""Variants: their names, which rows are found by, and what is refused."""

from typing import Any

import pytest
import torch

from warmrl.benchmarks.variants import Variant, is_defined, variants
from warmrl.training import TrainConfig


@pytest.mark.parametrize(
    ("fields", "name", "label"),
    [
        ({}, "gru none", "GRU, cold"),
        ({"warmup": "frame"}, "gru frame", "GRU, half-warmed"),
        ({"warmup": "gaussian"}, "gru gaussian", "GRU, half-warmed (gaussian)"),
        ({"warmup": "frame", "layers": "single"}, "gru frame, single", "GRU, warmed, single"),
        ({"init": "chain"}, "gru none, chain", "GRU, cold, chain"),
        (
            {"warmup": "stability", "stability_radius": 0.5},
            "gru stability, radius 0.5",
            "GRU, locally stable, radius 0.5",
        ),
    ],
)
def test_names(fields: dict[str, Any], name: str, label: str) -> None:
    variant = Variant("gru", **fields)
    assert (variant.name, variant.label) == (name, label)


def test_its_settings_are_those_of_training() -> None:
    config = TrainConfig(**Variant("lstm", "stability", "single", "chrono", 0.5).settings)
    assert (config.cell, config.warmup, config.double) == ("lstm", "stability", False)
    assert (config.init, config.stability_radius) == ("chrono", 0.5)


def test_all_combinations_have_names_of_their_own() -> None:
    names = [v.name for v in variants(("gru", "lstm"), ("frame", "none"), ("double", "single"))]
    assert names[:3] == ["gru frame", "gru none", "gru frame, single"]
    assert len(set(names)) == 8


def test_where_initial_weights_are_defined() -> None:
    state = torch.get_rng_state()
    assert is_defined("chrono", "lstm")
    assert not is_defined("chrono", "gru")
    assert torch.equal(torch.get_rng_state(), state)
    for init, cell in (("nothing", "gru"), ("chrono", "nothing")):
        with pytest.raises(ValueError, match="'nothing' is unknown"):
            is_defined(init, cell)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cell": "rnn"}, "cell='rnn' is unknown; it must be one of lstm, gru"),
        ({"warmup": "hot"}, "warmup='hot' must be one of none, .*, stability, paper"),
        ({"layers": "triple"}, "layers='triple' must be one of double, single"),
        ({"init": "chrono"}, "init='chrono' is defined for cell='lstm' only"),
        ({"stability_radius": 0.0}, "stability_radius=0.0 must be a positive number"),
    ],
)
def test_rejects(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Variant(**{"cell": "gru"} | fields)
