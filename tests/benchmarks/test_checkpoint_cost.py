"""The benchmark of checkpoints, at a tiny size."""

from pathlib import Path

from warmrl.benchmarks.checkpoints import CheckpointCost, measure


def test_all_that_checkpoints_do_is_timed(tmp_path: Path) -> None:
    """A snapshot for each rollout and one at the end; a file for the first and every tenth."""
    config = CheckpointCost(hidden=4, n_envs=2, n_steps=4, rollouts=12)
    watch, seconds, size = measure(config, tmp_path)
    snapshots, files = watch.calls.values()
    assert (snapshots, files) == (13, 2)
    assert 0 < sum(watch.spent.values()) < seconds
    assert size > 0
