"""Sweeps on a Ray cluster of several nodes, one of which is lost."""

import json
import threading
import time
from pathlib import Path

import pytest

from warmrl.evaluate import main as evaluate
from warmrl.sweep import main
from warmrl.sweeps.rows import read_rows
from warmrl.tests.mistakes.commands import refused
from warmrl.tests.training.short_runs import assert_same, outcome
from warmrl.train import main as train

pytest.importorskip("ray", reason="needs the extra ray: pip install 'warmrl[ray]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("default"),  # those of Ray are not ours
]

LONG = (
    *("--length", "3", "--n-envs", "8", "--n-steps", "16", "--hidden-size", "8"),
    *("--warmup-steps", "2", "--warmup-episodes", "8", "--eval-delays", "3"),
    *("--eval-episodes", "2", "--total-timesteps", "25600", "--checkpoint-rollouts", "2"),
)


def test_every_run_ends_though_a_node_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ray.cluster_utils import Cluster

    monkeypatch.chdir(tmp_path)
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes(timeout=120)
    seeds = ("0", "1", "2")
    working: list[set[str]] = []

    def kill() -> None:
        """Kill a node once each of the three has a run that has left its second checkpoint."""
        begun: set[str] = set()
        while len(begun) < len(seeds):
            begun = {s for s in seeds if any(Path("sweep", f"seed-{s}").glob("checkpoint-[1-9]*"))}
            time.sleep(0.05)
        working.append({row["key"] for row in read_rows(Path("sweep/results.jsonl"))})
        cluster.remove_node(nodes[-1], allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        main(["sweep", "--seeds", *seeds, "--ray", cluster.address, *LONG])
    finally:
        cluster.shutdown()
    killer.join()
    assert working == [set()]  # all three were at work when the node was lost
    assert "3/3" in capsys.readouterr().out
    rows = {row["key"]: row for row in read_rows(Path("sweep/results.jsonl"))}
    assert {key: row["status"] for key, row in rows.items()} == {f"seed-{s}": "done" for s in seeds}
    for seed in seeds:
        train([*LONG, "--seed", seed, "--run-dir", f"alone/{seed}"])
        assert_same(outcome(Path("alone", seed)), outcome(Path(f"sweep/seed-{seed}")))
        config = json.loads(Path(f"sweep/seed-{seed}/config.json").read_text())["train"]
        assert config["run_dir"] == f"sweep/seed-{seed}"
    evaluate(["sweep/seed-0", "--delays", "4", "--episodes", "2"])


def test_a_search_on_a_cluster_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna", reason="needs the extra sweep: pip install 'warmrl[sweep]'")
    monkeypatch.chdir(tmp_path)
    search = ("--search", "learning_rate=log:1e-4:1e-2", "--trials", "2", "--seeds", "0", "1")
    main(["sweep", *search, *LONG, "--total-timesteps", "256", "--ray", "local", "--jobs", "2"])
    assert "2 of 2 trials, 0 pruned, 0 failed" in capsys.readouterr().out


def test_no_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = refused(main, ["sweep", "--ray", "127.0.0.1:1", *LONG], capsys)
    assert "ray='127.0.0.1:1' must be local, or the address of a Ray cluster" in said
