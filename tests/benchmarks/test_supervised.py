"""The supervised benchmark, as anyone runs it, at a tiny size."""

from pathlib import Path

import pytest

from warmrl.benchmarks import supervised
from warmrl.benchmarks.sequence_job import SequenceJob, Sizes
from warmrl.benchmarks.sequence_tasks import Addition, Copy, CopyFirst
from warmrl.sweeps.rows import Row, read_rows

TINY = Sizes(
    hidden_size=2,
    n_train=32,
    n_valid=4,
    n_test=4,
    epochs=1,
    warmup_steps=1,
    warmup_sequences=4,
)


def test_published_runs_are_found() -> None:
    """Whoever types the command of docs/benchmarks.md gets its table, and no run is made anew."""
    pytest.importorskip("sklearn", reason="needs pip install scikit-learn")
    results = Path(supervised.__file__).parent / "results"
    done = {row["key"] for row in read_rows(results / "supervised.jsonl")}
    assert {job.key for job in supervised.Supervised().jobs()} <= done


def test_every_task_end_to_end_once(
    tmp_path: Path,
    mnist: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(supervised, "QUICK", TINY)
    monkeypatch.setenv("COLUMNS", "80")  # as in a file, where no name may be cut
    args = ["--quick", "--cells", "gru", "--workers", "1", "--seeds", "1", "--mnist", str(mnist)]
    args += ["--results", str(tmp_path), "--figure", str(tmp_path / "images" / "it.png")]
    supervised.main(args)
    first = capsys.readouterr().out
    assert "quick: tiny networks" in first
    assert (tmp_path / "images" / "it-quick.png").stat().st_size > 0
    rows = read_rows(tmp_path / "supervised-quick.jsonl")
    assert {row["task"] for row in rows} == set(supervised.NAMES)
    assert len(rows) == 2 * len(supervised.NAMES)
    for name in supervised.NAMES:
        assert name in first

    def run(job: SequenceJob) -> Row:
        raise AssertionError(f"{job.key} was run again")

    monkeypatch.setattr(SequenceJob, "run", run)
    supervised.main(args)
    again = capsys.readouterr().out
    assert again[again.index("network") :] == first[first.index("network") :]


def test_sizes(mnist: Path) -> None:
    def sizes_of(study: supervised.Supervised) -> tuple[Sizes, dict[str, object]]:
        jobs = study.jobs()
        return jobs[0].sizes, {job.name: job.task for job in jobs}

    sizes, tasks = sizes_of(supervised.Supervised(mnist=mnist, full=True))
    assert (sizes.hidden_size, sizes.n_layers, sizes.n_train, sizes.epochs) == (256, 2, 60_000, 50)
    assert tasks["copy"] == Copy(500)
    assert tasks["addition"] == Addition(750)
    assert tasks["copy-first-600"] == CopyFirst(600)
    usual, smaller = sizes_of(supervised.Supervised(mnist=mnist))
    assert usual == Sizes()
    assert smaller["copy"] == Copy(100)
    assert smaller["copy-first-600"] == CopyFirst(600)


def test_all_variants(mnist: Path) -> None:
    study = supervised.Supervised(
        tasks=("copy",),
        cells=("lstm",),
        warmups=("none", "paper"),
        layers=("single", "double"),
        inits=("default", "chrono"),
        seeds=2,
        mnist=mnist,
    )
    jobs = study.jobs()
    assert len({job.key for job in jobs}) == 2 * 2 * 2 * 2
    assert len({job.group for job in jobs}) == 2 * 2 * 2


def test_files_of_every_kind_of_sizes() -> None:
    assert supervised.Supervised().suffix == ""
    assert supervised.Supervised(full=True).suffix == "-full"
    assert supervised.Supervised(full=True, quick=True).suffix == "-quick"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--tasks", "nothing"], "tasks='nothing' must be one of copy-first-50, "),
        (["--cells", "rnn"], "cell='rnn' is unknown; it must be one of "),
        (["--inits", "chrono"], "init='chrono' is defined for cell='lstm' only"),
    ],
)
def test_wrong_names(
    args: list[str], message: str, mnist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        supervised.main([*args, "--mnist", str(mnist)])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
