"""Networks on supervised tasks: they learn, keep their best, and are the same for the same seed."""

import dataclasses
import json
from typing import Any

import pytest
import torch

from warmrl.agents import CELLS
from warmrl.benchmarks.sequence_job import (
    SequenceJob,
    SequenceNetwork,
    Sizes,
    order_of_epoch,
)
from warmrl.benchmarks.sequence_tasks import Copy, CopyFirst
from warmrl.benchmarks.variants import Variant
from warmrl.sweeps.rows import Row
from warmrl.training.config import WARMUPS
from warmrl.warmup import WarmupConfig

TINY = Sizes(
    hidden_size=4,
    n_train=64,
    n_valid=16,
    n_test=16,
    epochs=1,
    warmup_steps=2,
    warmup_sequences=16,
)


def job(variant: Variant | None = None, seed: int = 0, **sizes: Any) -> SequenceJob:
    variant = variant or Variant("gru")
    return SequenceJob("copy", CopyFirst(3), variant, dataclasses.replace(TINY, **sizes), seed)


def without_times(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.endswith("_seconds")}


def test_it_learns() -> None:
    row = job(hidden_size=16, n_train=512, epochs=12, learning_rate=1e-2).run()
    assert row["error"] < 0.2 * row["error_without_memory"]
    assert len(row["validation"]) == 13
    assert row["validation"][row["best_epoch"]] == min(row["validation"])


def test_it_keeps_its_best() -> None:
    hopeless = job(learning_rate=100.0, epochs=3)
    generator = torch.Generator().manual_seed(0)
    train, valid = hopeless.task.draw(80, generator).split(64, 16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = SequenceNetwork(hopeless.task, hopeless.variant, hopeless.sizes)
    curve = hopeless.fit(network, train, valid, generator)
    assert max(curve[1:]) > curve[0]
    assert hopeless.mean(network, valid, hopeless.task.loss) == min(curve)


@pytest.mark.parametrize(("n_train", "passes"), [(2, 1), (4, 1), (9, 2), (12, 3)])
def test_an_epoch_goes_through_few_sequences_more_often(n_train: int, passes: int) -> None:
    order = order_of_epoch(4, n_train, torch.Generator().manual_seed(0))
    assert [sorted(part) for part in order.reshape(passes, 4).tolist()] == passes * [[0, 1, 2, 3]]


@pytest.mark.parametrize("warmup", [*WARMUPS, "paper"])
@pytest.mark.parametrize("layers", ["double", "single"])
def test_every_warm_up(warmup: str, layers: Any) -> None:
    row = job(Variant("gru", warmup, layers)).run()
    assert (row["vaa_after"] is None) == (warmup == "none")
    assert row["group"] == f"copy: {row['variant']}"
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_every_cell(cell: str) -> None:
    assert job(Variant(cell, "frame"), n_layers=2).run()["vaa_after"] > 0


def test_only_the_recurrent_layers_are_warmed_up_and_of_double_ones_half() -> None:
    warmed = job(Variant("gru", "frame"))
    train = warmed.task.draw(64, torch.Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = SequenceNetwork(warmed.task, warmed.variant, warmed.sizes)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    warmed.prepare(network, train)
    for name, p in network.named_parameters():
        assert torch.equal(p, before[name]) == (".warm." not in name), name


def test_the_published_settings() -> None:
    assert job(Variant("gru", "paper"), seed=3).settings == WarmupConfig.paper(n_steps=2, seed=3)
    settings = job(Variant("lstm", "frame"), seed=3).settings
    assert settings == WarmupConfig.suited(True, n_steps=2, seed=3)


def test_same_seed_same_bits() -> None:
    state = torch.get_rng_state()
    row = job(Variant("lstm", "frame")).run()
    assert torch.equal(torch.get_rng_state(), state)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert without_times(job(Variant("lstm", "frame")).run()) == without_times(row)
    assert job(Variant("lstm", "frame"), seed=1).run()["error"] != row["error"]


def test_another_run_has_another_key() -> None:
    one = job()
    others = [
        dataclasses.replace(one, seed=1),
        dataclasses.replace(one, task=CopyFirst(4)),
        dataclasses.replace(one, variant=Variant("gru", "frame")),
        job(epochs=2),
        dataclasses.replace(one, name="other"),
    ]
    assert len({one.key, *(other.key for other in others)}) == 6
    assert job().key == one.key


def test_classes_are_counted_over_the_symbols_alone() -> None:
    copy = SequenceJob("copy", Copy(delay=2, n_symbols=2), Variant("gru"), TINY, 0)
    error = copy.run()["error"]
    assert error * 32 == pytest.approx(round(error * 32))  # 2 symbols of 16 sequences


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"epochs": 0}, "epochs=0 must be at least 1"),
        ({"hidden_size": -1}, "hidden_size=-1 must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be a positive number"),
    ],
)
def test_rejects_sizes(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sizes(**sizes)
