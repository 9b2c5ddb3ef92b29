"""Studies of agents: the runs they list, the keys these have, and tiny ones end to end."""

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from rich.console import Console
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from warmrl.benchmarks import agent_job, initialisation, paper
from warmrl.benchmarks.agent_job import AgentJob, show
from warmrl.benchmarks.direct import Direct
from warmrl.benchmarks.direct import main as direct
from warmrl.benchmarks.horizon import Horizon, draw
from warmrl.benchmarks.horizon import main as horizon
from warmrl.benchmarks.other_packages import OtherPackages
from warmrl.benchmarks.recall import Recall
from warmrl.benchmarks.recall import main as recall
from warmrl.benchmarks.study import run_study
from warmrl.sweeps.rows import Row, read_rows
from warmrl.train import train
from warmrl.training import TrainConfig, build_model
from warmrl.warmup import WarmupConfig

TINY: dict[str, Any] = agent_job.QUICK | {"n_envs": 4, "n_steps": 16, "total_timesteps": 64}


def test_default_runs_keep_names_and_keys() -> None:
    jobs = Horizon().jobs()
    expected = [f"{cell} {warmup}" for cell in ("gru", "lstm") for warmup in ("frame", "none")]
    assert [job.group for job in jobs] == 10 * expected
    config = TrainConfig(length=(20,), cell="gru", warmup="frame", seed=1).to_json()
    del config["eval_max_seconds"]
    delays = [20, 200, 2_000, 20_000, 100_000, 1_000_000]
    assert jobs[4].key == json.dumps(["gru frame", config, delays, 200_000, 100])
    assert jobs[5].delays == tuple(delays[:-1])  # cold


def never_again(job: AgentJob) -> Row:
    raise AssertionError(f"{job.group} was run again")


RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
PUBLISHED: list[tuple[str, list[AgentJob]]] = [
    ("horizon", Horizon().jobs()),
    ("horizon", Horizon(warmups=("none",), layers=("single",)).jobs()),
    ("direct", Direct().jobs(100) + Direct(warmups=("frame",)).jobs(200)),
    ("horizon", Horizon(cells=("brc", "nbrc", "mgu"), warmups=("frame",)).jobs()),
    (
        "horizon",
        Horizon(
            length=(5, 20), stochasticity=0.3, delays=(20, 200, 2_000), warmups=("frame",)
        ).jobs(),
    ),
    ("initialisation", initialisation.Initialisation().jobs()),
    ("paper", paper.Paper().jobs(20) + paper.Paper().jobs(100)),
    (
        "other_packages",
        OtherPackages(envs=("popgym-RepeatFirstEasy-v0",), cells=("gru", "lstm"), seeds=10).jobs(),
    ),
    ("recall", Recall(warmups=("frame",)).jobs()),
    (
        "recall",
        Recall(warmups=("frame",), distractor="noise", n_symbols=4, delays=(20, 100)).jobs(),
    ),
]


@pytest.mark.parametrize(("name", "jobs"), PUBLISHED)
def test_published_runs_are_found(
    name: str, jobs: list[AgentJob], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copy(RESULTS / f"{name}.jsonl", tmp_path)
    monkeypatch.setattr(AgentJob, "run", never_again)
    assert len(run_study(name, jobs, tmp_path)) == len(jobs)


def table(*rows: Row) -> list[list[str]]:
    """The words of its lines, where there are 80 columns."""
    console = Console(width=80, record=True, file=io.StringIO())
    shared = {"steps": 2_000_000, "certificate": None}
    show([shared | row for row in rows], (20, 100_000), console, "a title")
    lines = [re.split("  +", line.strip()) for line in console.export_text().splitlines()]
    return [line for line in lines if line != [""]]


def test_a_table_with_certificates() -> None:
    perfect, half = {"20": 1.0, "100000": 1.0}, {"20": 1.0, "100000": 0.5}
    lines = table(
        {"group": "a", "solved_at": 120_000, "success": perfect, "certificate": {"holds": True}},
        {"group": "a", "solved_at": 140_000, "success": perfect, "certificate": {"holds": False}},
        {"group": "b", "solved_at": None, "success": half},
        {"group": "c", "solved_at": None, "success": {"20": 0.5}},
    )
    assert lines[:2] == [
        ["a title"],
        ["agent", "solved", "steps", "certified", "delay", "success", "perfect"],
    ]
    assert lines[3:] == [
        ["a", "2/2", "0.13 M", "1/2", "20", "1.00 [1.00, 1.00]", "2/2"],
        ["100,000", "1.00 [1.00, 1.00]", "2/2"],
        ["b", "0/1", "> 2.0 M", "-", "20", "1.00 [1.00, 1.00]", "1/1"],
        ["100,000", "0.50 [0.50, 0.50]", "0/1"],
        ["c", "0/1", "> 2.0 M", "-", "20", "0.50 [0.50, 0.50]", "0/1"],
    ]


def test_a_table_with_vaa() -> None:
    success = {"20": 1.0, "100000": 1.0}
    row = {"group": "lstm stability, radius 0.5", "solved_at": 120_000, "success": success}
    lines = table(row | {"vaa_untrained": 1.0, "vaa_trained": 0.5})
    assert lines[1] == ["agent", "solved", "steps", "VAA", "delay", "success", "perfect"]
    first = ["lstm", "1/1", "0.12 M", "1.000 ->", "20", "1.00 [1.00, 1.00]", "1/1"]
    second = ["stability,", "0.500", "100,000", "1.00 [1.00, 1.00]", "1/1"]
    assert lines[3:] == [first, second, ["radius 0.5"]]


def test_mazes_with_random_moves() -> None:
    study = Horizon(length=(5, 20), stochasticity=0.3, delays=(20,), seeds=1, cells=("gru",))
    warmed, cold = study.jobs()
    assert warmed.config.env_arguments == {"length": (5, 20), "stochasticity": 0.3}
    assert warmed.certify_steps == cold.certify_steps == 0
    shared = {"solved_at": 300, "steps": 500, "success": {"20": 1.0}}
    rows = [{"group": job.group} | shared for job in (warmed, cold)]
    _, axes = draw(rows, study).axes
    assert [text.get_text() for text in axes.texts] == [
        "the only lengths\nseen in training: 5 to 20"
    ]


def test_the_share_of_seeds_that_have_solved_it() -> None:
    study = Horizon(cells=("gru",), warmups=("none",), delays=(20,))
    rows = [
        {"group": "gru none", "solved_at": solved, "steps": 900, "success": {"20": 1.0}}
        for solved in (700, None, 300, 500)
    ]
    learning, _ = draw(rows, study).axes
    (line,) = learning.get_lines()
    assert np.asarray(line.get_xydata()).tolist() == [
        *([300, 0], [300, 0.25], [500, 0.5], [700, 0.75], [900, 0.75]),
    ]


def test_every_drive_in_double_and_single_layers() -> None:
    drives = ("none", "gaussian", "rollout", "frame")
    study = Horizon(cells=("gru",), warmups=drives, layers=("double", "single"), seeds=1)
    jobs = study.jobs()
    assert [job.group for job in jobs] == [
        *(f"gru {drive}" for drive in drives),
        *(f"gru {drive}, single" for drive in drives),
    ]
    assert [job.config.double for job in jobs] == 4 * [True] + 4 * [False]
    assert [job.config.warmup for job in jobs] == [*drives, *drives]
    success = dict.fromkeys(map(str, study.delays), 1.0)
    shared = {"solved_at": None, "steps": 500, "success": success}
    _, axes = draw([{"group": job.group} | shared for job in jobs], study).axes
    legend = axes.get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[:2] == ["GRU, cold", "GRU, half-warmed (gaussian)"]
    assert labels[-1] == "GRU, warmed, single"


@pytest.mark.parametrize(
    ("main", "args", "message"),
    [
        (horizon, ["--warmups", "hot"], "warmup='hot' must be one of none, "),
        (horizon, ["--seeds", "0"], "seeds=0 must be at least 1"),
        (horizon, ["--length", "1"], "length=1 must be at least 2"),
        (horizon, ["--stochasticity", "2"], "stochasticity=2.0 must "),
        (direct, ["--lengths", "50"], "lengths=50 must be of 100, 200"),
        (recall, ["--distractor", "fog"], "distractor='fog' must be one of "),
        (initialisation.main, ["--inits", "warm"], "init='warm' is unknown; it must be one of "),
        (paper.main, ["--workers", "0"], "workers=0 must be at least 1"),
    ],
)
def test_what_is_wrong_is_one_line(
    main: Callable[[list[str]], None],
    args: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*args, "--results", str(tmp_path)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("vaa_steps", [0, 5])
def test_a_job_trains_what_the_script_trains(
    vaa_steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainConfig(length=(3,), **TINY)
    built: list[Any] = []

    def build(*args: Any) -> Any:
        built.append(build_model(*args))
        return built[0]

    monkeypatch.setattr(agent_job, "build_model", build)
    row = AgentJob("it", config, (3,), episodes=2, vaa_steps=vaa_steps).run()

    def weights(model: Any) -> Tensor:
        return parameters_to_vector(model.policy.parameters())

    assert torch.equal(weights(built[0]), weights(train(config).model))
    assert (row["vaa_trained"] is None) == (vaa_steps == 0)
    assert row["vaa_star"] is not None


def test_vaa_is_in_the_key_only_if_it_is_measured() -> None:
    config = TrainConfig()
    without = AgentJob("it", config, (3,))
    assert json.loads(without.key)[2:] == [[3], 0, 100]
    assert json.loads(AgentJob("it", config, (3,), vaa_steps=7).key)[2:] == [[3], 0, 100, 7]


def quick(tmp_path: Path, *args: str) -> list[str]:
    return ["--quick", "--workers", "1", "--seeds", "1", "--results", str(tmp_path), *args]


def test_initialisations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(initialisation, "QUICK", TINY)
    monkeypatch.setenv("COLUMNS", "200")
    args = quick(tmp_path, "--cells", "gru", "--inits", "orthogonal", "chrono")
    args += ["--length", "3", "--delays", "3", "9", "--figure", str(tmp_path / "figure.png")]
    initialisation.main(args)
    assert (tmp_path / "figure-quick.png").read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    assert "quick: tiny networks" in out
    groups = ["gru none, orthogonal", "gru stability", "gru stability, radius 0.5", "gru frame"]
    rows = read_rows(tmp_path / "initialisation-quick.jsonl")
    assert [row["group"] for row in rows] == groups
    for row in rows:
        assert row["group"] in out
        assert 0 < row["vaa_untrained"] <= 1
        assert 0 < row["vaa_trained"] <= 1
        assert set(row["success"]) == {"3", "9"}
    monkeypatch.setattr(AgentJob, "run", never_again)
    initialisation.main(args)


def test_every_seed_is_in_the_figure() -> None:
    study = initialisation.Initialisation(cells=("lstm",), inits=("chrono",), delays=(3, 9))
    vaa = {"vaa_untrained": 0.25, "vaa_trained": 0.5}
    rows = [
        {"group": variant.name, "solved_at": solved, "success": {"3": 1.0, "9": 0.75}} | vaa
        for variant in study.variants
        for solved in (100, None)
    ]
    learning, memory, success = initialisation.draw(rows, study).axes
    labels = ["chrono", "locally stable", "locally stable, radius 0.5", "half-warmed"]
    assert [text.get_text() for text in learning.get_yticklabels()] == [
        f"LSTM, {label}" for label in labels
    ]

    def points(axes: Axes) -> list[list[list[float]]]:
        return [np.asarray(dots.get_offsets()).tolist() for dots in axes.collections]

    assert points(learning) == [[[100.0, float(place)]] for place in range(4)]
    assert points(memory)[:2] == [2 * [[0.25, -0.15]], 2 * [[0.5, 0.15]]]
    assert points(success)[3] == 2 * [[0.75, 3.0]]


def test_initial_weights_are_compared_where_they_are_defined() -> None:
    groups = [job.group for job in initialisation.Initialisation(seeds=1).jobs()]
    assert "lstm none, chrono" in groups
    assert "gru none, chrono" not in groups
    assert len(set(groups)) == len(groups)


def test_the_comparison_of_the_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paper, "QUICK", TINY)
    args = quick(tmp_path, "--cells", "gru", "--lengths", "3")
    paper.main(args)
    assert "quick: tiny networks" in capsys.readouterr().out
    rows = read_rows(tmp_path / "paper-quick.jsonl")
    assert [row["group"] for row in rows] == [
        "gru paper, single, length 3",
        "gru none, single, length 3",
    ]
    assert [row["vaa_star"] is None for row in rows] == [False, True]
    monkeypatch.setattr(AgentJob, "run", never_again)
    paper.main(args)


def test_the_settings_of_the_paper() -> None:
    warmed, cold = (job.config for job in paper.Paper(cells=("lstm",), seeds=1).jobs(100))
    assert warmed.warmup_config == WarmupConfig.paper()
    assert cold.warmup_config is None
    for config in (warmed, cold):
        assert (config.n_layers, config.hidden_size, config.gamma) == (2, 32, 0.98)
        assert config.double is False
        assert config.consolidate is False
