"""Studies on a Ray cluster of several nodes, one of which is lost."""

import threading
import time
from functools import partial
from pathlib import Path

import pytest

from warmrl.benchmarks.study import Study
from warmrl.sweeps.rows import read_rows
from warmrl.tests.benchmarks.noted import Noted

pytest.importorskip("ray", reason="needs the extra ray: pip install 'warmrl[ray]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("default"),  # those of Ray are not ours
]


def test_every_run_ends_though_a_node_is_lost(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    lost = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes(timeout=120)
    begun = tmp_path / "begun"
    jobs = [
        Noted(0, tmp_path / "notes"),
        *(Noted(seed, tmp_path / "notes", 5.0, begun) for seed in (1, 2)),
    ]

    def kill() -> None:
        """Kill a node once each of the two has a run."""
        while not begun.exists() or len(begun.read_text().split()) < 2:
            time.sleep(0.05)
        cluster.remove_node(lost, allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    study = Study(results=tmp_path, ray=cluster.address)
    try:
        rows = study.rows("it", jobs)
    finally:
        cluster.shutdown()
    killer.join()
    assert [row["seed"] for row in rows] == [0, 1, 2]
    assert {row["seed"] for row in read_rows(tmp_path / "it.jsonl")} == {0, 1, 2}
    assert len(begun.read_text().split()) == 3  # the lost one has begun twice
    assert study.rows("it", jobs) == rows  # with no cluster: nothing is missing


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    study = Study(results=tmp_path, ray="local", workers=1)
    with pytest.raises(IsADirectoryError):
        study.rows("it", [Noted(0, tmp_path / "notes")])


def test_no_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = partial(Study(results=tmp_path, ray="127.0.0.1:1").rows, "it", [Noted(0, tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        place()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "ray='127.0.0.1:1' must be local, or the address of a Ray cluster" in said
