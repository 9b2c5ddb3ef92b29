"""The growth benchmark, as anyone runs it, at its smallest; and its exponent."""

from pathlib import Path

import matplotlib.image
import pytest

from warmrl.benchmarks.growth import Growth, exponent, main


@pytest.mark.slow
def test_it_prints_a_table_and_draws_a_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "growth.png"
    options = ["--axes", "n_steps", "--points", "1", "--repeats", "1", "--figure", str(figure)]
    main(options)
    assert "steps per rollout" in capsys.readouterr().out
    assert matplotlib.image.imread(figure).std() > 0


def test_exponents_are_those_of_powers() -> None:
    assert exponent([1, 2, 4, 8], [9, 8, 48, 288]) == pytest.approx(2.585, abs=1e-3)  # log2 6


def test_what_cannot_grow_is_refused() -> None:
    with pytest.raises(ValueError, match="axes='depth' must be one of hidden_size, n_envs"):
        Growth(axes=("depth",))
