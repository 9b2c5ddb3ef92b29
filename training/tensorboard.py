"""What TensorBoard shows of a run beside its curves: its settings, and what came of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from stable_baselines3.common.logger import Figure as Shown
from stable_baselines3.common.logger import HParam, TensorBoardOutputFormat

from ..evaluation import DelayResult, History
from .config import PLACES, TrainConfig

SUCCESS, RETURN = "evaluation/success_rate", "evaluation/mean_return"
COMPARED = ("rollout/ep_rew_mean", "rollout/success_rate", "train/loss", SUCCESS, RETURN)
"""scalars by which TensorBoard compares runs of different settings"""


def write_settings(folder: Path, config: TrainConfig) -> None:
    """Log a run's settings as hyper-parameters, as Stable-Baselines3 does, and their metrics.

    :param folder: of the run, where its TensorBoard files are
    """
    settings = {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in config.to_json().items()
        if name not in PLACES
    }
    _write(folder, {"hparams": HParam(settings, dict.fromkeys(COMPARED, 0.0))}, 0)


def write_outcome(
    folder: Path,
    step: int,
    history: History,
    results: Sequence[DelayResult],
    figures: Mapping[str, Figure],
) -> None:
    """Log VAA, success and return at every delay, and figures.

    The metrics of the hyper-parameters are those at the longest delay.

    :param folder: of the run
    :param step: environment steps that it has
    :param history: of its training
    :param results: its evaluation
    :param figures: by name
    """
    vaa = {"vaa_before": history.vaa_before, "vaa_after": history.vaa_after}
    values: dict[str, Any] = {f"warmup/{name}": v for name, v in vaa.items() if v is not None}
    for row in sorted(results, key=lambda row: row.delay or 0):
        for name, value in ((SUCCESS, row.success_rate), (RETURN, row.mean_return)):
            if value is not None:
                values[name] = value
                if row.delay is not None:
                    values[f"{name}/{row.delay}"] = value
    values |= {f"figures/{name}": Shown(figure, close=False) for name, figure in figures.items()}
    _write(folder, values, step)


def _write(folder: Path, values: Mapping[str, Any], step: int) -> None:
    writer = TensorBoardOutputFormat(str(folder))
    writer.write(dict(values), dict.fromkeys(values, ()), step)
    writer.close()
