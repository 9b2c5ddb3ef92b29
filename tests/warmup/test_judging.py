"""Whether an agent got worse: values by hand."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from warmrl.warmup import Episodes, worse


def solved(*rates: bool) -> Episodes:
    return Episodes(np.ones(len(rates)), np.array(rates))


def changed(n: int, lost: int, won: int) -> tuple[Episodes, Episodes]:
    """N episodes, of which some are solved before and not after, and some the other way round."""
    before, after = np.zeros(n, bool), np.zeros(n, bool)
    before[:lost] = True
    after[lost : lost + won] = True
    return solved(*before), solved(*after)


@pytest.mark.parametrize(
    ("lost", "won", "is_worse"),
    [
        (0, 0, False),
        (4, 0, False),  # 1 / 16
        (5, 0, True),  # 1 / 32
        (6, 1, False),  # 8 / 128
        (7, 1, True),  # 9 / 256
        (0, 9, False),
        (90, 88, False),
    ],
)
def test_more_is_lost_than_won(lost: int, won: int, is_worse: bool) -> None:
    assert worse(*changed(200, lost, won)) == is_worse
    coin = stats.binomtest(lost, max(lost + won, 1), alternative="greater").pvalue
    assert is_worse == (lost > 0 and coin < 0.05)


def test_an_even_number_of_chances_is_no_reason() -> None:
    """Of agents that are as good as before, one in twenty at most is taken for worse."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(2000):
        before, after = rng.random((2, 100)) < 0.9
        found.append(worse(solved(*before), solved(*after)))
    assert 0 < np.mean(found) < 0.05


RETURNS = np.array([1.0, 3.0, 2.0, 2.0])  # mean 2


@pytest.mark.parametrize(
    ("after", "is_worse"),
    [
        (RETURNS, False),
        (RETURNS - 0.01, False),  # half a percent
        (RETURNS - 0.03, True),  # every one falls, by 1.5 percent
        (RETURNS + 1, False),
        (RETURNS - [2, 0, 0, 0], False),  # mean 0.5, standard error 0.5
        (RETURNS - [1, 1, 1, 0], True),  # mean 0.75, standard error 0.25
        (RETURNS - [0, 0, 0, np.nan], True),
        (RETURNS - [0, 0, 0, np.inf], True),
    ],
)
@pytest.mark.parametrize("says", [False, True])
def test_returns_count_where_success_says_nothing(after: Any, is_worse: bool, says: bool) -> None:
    all_solved = np.ones(4, bool) if says else None
    assert worse(Episodes(RETURNS, all_solved), Episodes(after, all_solved)) == is_worse


def test_one_episode_of_a_certain_outcome() -> None:
    assert worse(Episodes(np.array([-2.0])), Episodes(np.array([-3.0])))
    assert not worse(Episodes(np.array([-3.0])), Episodes(np.array([-2.0])))
    assert not worse(Episodes(np.zeros(1)), Episodes(np.zeros(1)))


def test_more_success_outranks_a_smaller_return() -> None:
    for won, outranks in ((10, True), (1, False)):  # the one by chance
        before, after = changed(20, 0, won)
        assert worse(before, after._replace(returns=after.returns - 0.5)) != outranks


def test_the_return_of_what_is_lost_counts_once() -> None:
    """Three of a hundred lost may be chance, and no less so if it is they that are paid for."""
    before, after = changed(100, 3, 0)
    paid = [Episodes(np.asarray(one.solved) * 1.0, one.solved) for one in (before, after)]
    assert not worse(*paid)
    before, after = changed(2, 1, 1)
    assert not worse(before, after._replace(returns=after.returns - 0.5))


def test_where_no_episode_ends_any_more_none_is_solved() -> None:
    before = solved(*[True] * 10)
    assert worse(before, Episodes(before.returns))


def test_the_score() -> None:
    assert Episodes(RETURNS, RETURNS > 1).score == (4, 0.75, 2.0)
    assert Episodes(RETURNS).score == (4, None, 2.0)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (RETURNS, RETURNS[1:], "3 episodes after 4 before; they must be the same, at least one"),
        (RETURNS[:0], RETURNS[:0], "0 episodes after 0 before"),
        (RETURNS * np.nan, RETURNS, "returns are NaN or infinite before anything has changed"),
    ],
)
def test_rejects(before: Any, after: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        worse(Episodes(before), Episodes(after))
