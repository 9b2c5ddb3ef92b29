"""Time to solve, as anyone measures it, on a task that is solved at once."""

from io import StringIO

import pytest
from rich.console import Console

from warmrl.benchmarks.solve import Solve, Solved, main, table


def lines(runs: dict[str, list[Solved]]) -> list[list[str]]:
    console = Console(width=100, file=StringIO(), record=True)
    console.print(table(runs))
    return [line.split() for line in console.export_text().splitlines() if line.strip()]


def test_medians_and_the_slowest() -> None:
    runs = [Solved(1.0, 2.0, 100), Solved(1.5, 4.5, 3000), Solved(0.5, 9.0, None)]
    shown = lines({"gru": runs, "lstm": runs[2:]})
    assert shown[-2] == ["gru", "2/3", "1,550", "1.00", "4.50", "9.00"]
    assert shown[-1] == ["lstm", "0/1", "-", "0.50", "9.00", "9.00"]


def test_runs_stop_as_soon_as_they_are_solved() -> None:
    first, second = Solve(seeds=2, n_envs=8, length=7, learning_rate=0.004).configs("mgu")
    assert (first.seed, second.seed) == (0, 1)
    assert (first.length, first.n_envs, first.cell) == ((7,), 8, "mgu")
    assert first.learning_rate == 0.004
    assert (first.solved_rollouts, first.consolidate, first.stop_when_solved) == (0, False, True)


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--cells", "gru", "--seeds", "1", "--length", "2", "--total-timesteps", "4096"])
    out = capsys.readouterr().out
    assert "until solved, s" in out
    assert "gru" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--cells", "elman"], "cell='elman' "),
        (["--seeds", "0"], "seeds=0 must be at least 1"),
        (["--length", "1"], "length=1 must be at least 2"),
        (["--device", "tpu"], "device='tpu' "),
    ],
)
def test_what_is_wrong_is_one_line(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(args)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
