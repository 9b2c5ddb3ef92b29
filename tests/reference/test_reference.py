"""Training is what its equations say: the fast path against a slow and obvious one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmrl.agents import CELLS
from warmrl.tests.reference.parity import CRITICS, Case, compare
from warmrl.tests.reference.scripted import Episode

ENDS = [(True, False), (False, True), (True, True)]
episodes = st.builds(
    lambda length, ends: Episode(length, *ends), st.integers(1, 6), st.sampled_from(ENDS)
)


def cases(cell: st.SearchStrategy[str]) -> st.SearchStrategy[Case]:
    return st.builds(
        Case,
        cell=cell,
        critic=st.sampled_from(list(CRITICS)),
        double=st.booleans(),
        skip=st.booleans(),
        n_layers=st.integers(1, 2),
        net_arch=st.sampled_from([[], [4], [4, 3]]),
        packed=st.booleans(),
        n_steps=st.integers(2, 9),
        n_minibatches=st.integers(1, 3),
        scripts=st.lists(st.lists(episodes, min_size=1, max_size=4), min_size=1, max_size=3),
        seed=st.integers(0, 2**16),
    )


def compared(cell: st.SearchStrategy[str], n_cases: int) -> int:
    """Compare random cases; returns how many episodes ended in them."""
    n_episodes = 0

    @settings(max_examples=n_cases, deadline=None)
    @given(case=cases(cell))
    def run(case: Case) -> None:
        nonlocal n_episodes
        n_episodes += compare(case)

    run()
    return n_episodes


@pytest.mark.parametrize("cell", CELLS)
def test_training_is_its_equations(cell: str) -> None:
    assert compared(st.just(cell), 6) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_training_is_its_equations_in_ten_thousand_episodes() -> None:
    assert compared(st.sampled_from(list(CELLS)), 1400) >= 10_000
