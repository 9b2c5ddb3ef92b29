"""Who repeats the same actions in a corridor is, so many steps later, where a jump leads."""

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from warmrl.envs import Episode, MemoryTask
from warmrl.envs.episode import EpisodeState
from warmrl.tests.envs.variants import WITH_CUES

FAR = 200


def walked(episode: Episode, state: EpisodeState, actions: list[int]) -> tuple[EpisodeState, bool]:
    """Where actions lead, and whether all the way is in the corridor, after the first cell."""
    n, inside = len(state.steps), True
    for action in actions:
        state = episode.step(state, np.full(n, action), np.empty((n, 0)))[0]
        inside &= bool((episode.corridor_delay(state) >= 1).all())
    return state, inside


@settings(max_examples=150, deadline=None)
@given(
    task=st.sampled_from(WITH_CUES),
    seed=st.integers(0, 2**32 - 1),
    period=st.integers(1, 4),
    cycles=st.integers(1, 5),
)
def test_a_jump_leads_to_where_walking_does(
    task: MemoryTask, seed: int, period: int, cycles: int
) -> None:
    rng, episode = np.random.default_rng(seed), Episode(task.with_delay(FAR))
    p = task.exploration_policy
    begin, cycle = (rng.choice(task.n_actions, n, p=p).tolist() for n in (30, period))
    before, _ = walked(episode, episode.reset(episode.task.cues()), begin)
    state, moved = walked(episode, before, cycle)
    delay = episode.corridor_delay(state)
    cells = cycles * (delay - episode.corridor_delay(before))
    jumped = episode.corridor_ahead(state, cells, cycles * period)
    state, inside = walked(episode, state, cycle * cycles)
    event(f"in the corridor: {moved and inside}")
    if not (moved and inside):
        return
    np.testing.assert_array_equal(jumped.steps, state.steps)
    for mine, its in zip(jumped.task, state.task, strict=True):
        np.testing.assert_array_equal(mine, its)
    np.testing.assert_array_equal(episode.observe(jumped), episode.observe(state))
