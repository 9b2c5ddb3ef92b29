"""Where trajectories are cut, and that no history comes twice."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from warmrl.warmup import Trajectories
from warmrl.warmup.cuts import CUTS, log_uniform, uniform
from warmrl.warmup.starts import Histories


@pytest.mark.parametrize("cut", sorted(CUTS))
@given(seed=st.integers(0, 10_000), length=st.integers(1, 300))
@settings(max_examples=30, deadline=None)
def test_cuts_are_within_the_episode(cut: str, seed: int, length: int) -> None:
    cuts = CUTS[cut](torch.full((50,), length), torch.Generator().manual_seed(seed))
    assert cuts.dtype == torch.int64
    assert 1 <= int(cuts.min()) <= int(cuts.max()) <= length


def test_laws_of_the_cut() -> None:
    lengths = torch.full((60_000,), 63)
    generator = torch.Generator().manual_seed(0)
    for cut, below_8 in ((uniform, 7 / 63), (log_uniform, 1 / 2)):  # log 8 / log 64
        share = (cut(lengths, generator) < 8).double().mean().item()
        assert share == pytest.approx(below_8, abs=0.01)


def test_equal_histories_are_drawn_once() -> None:
    # Episodes 0 and 1 part at step 2, episode 2 differs from the start, 3 is the beginning of 0.
    rows = [[1, 1, 1, 1], [1, 1, 2, 1], [3, 1, 1, 1], [1, 1, 0, 0]]
    trajectories = Trajectories(torch.tensor(rows).T[..., None], torch.tensor([4, 4, 4, 2]))
    histories = Histories.of(trajectories, "uniform")
    seen = set()
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        episodes, cuts = histories.draw(30, generator)
        drawn = [tuple(rows[e][:c]) for e, c in zip(episodes.tolist(), cuts.tolist(), strict=True)]
        assert len(set(drawn)) == len(drawn)
        seen.update(drawn)
    assert len(seen) == 2 + 2 + 3 + 3  # by their lengths 1, 2, 3, 4


def test_histories_of_dicts_differ_in_any_key() -> None:
    a = torch.zeros(1, 3, 2)
    b = torch.tensor([[[0.0], [1.0], [1.0]]])
    histories = Histories.of(Trajectories({"a": a, "b": b}, torch.tensor([1, 1, 1])), "uniform")
    episodes, _ = histories.draw(40, torch.Generator().manual_seed(0))
    assert sorted(b[0, episodes, 0].tolist()) == [0, 1]


def test_many_are_drawn_where_all_differ() -> None:
    inputs = torch.randn(9, 40, 2, generator=torch.Generator().manual_seed(0))
    histories = Histories.of(Trajectories(inputs, torch.full((40,), 9)), "log_uniform")
    episodes, cuts = histories.draw(32, torch.Generator().manual_seed(1))
    assert len(episodes) == len(cuts) == 32
