"""The comparison of the paper that introduced the warm-up, with its settings, by PPO.

Cold networks against warmed ones (Lambrechts et al. 2023): two layers of 32, gamma 0.98, and the
published warm-up on T-mazes of length 20, 100 and 200. What differs is the algorithm: ours is PPO,
with the settings of ``train.py``. Makes a table of docs/benchmarks.md::

    python benchmarks/paper.py
    python benchmarks/paper.py --quick
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from warmrl.agents import CELLS
from warmrl.benchmarks.agent_job import QUICK, AgentJob, show
from warmrl.benchmarks.direct import SETTINGS
from warmrl.benchmarks.study import QuickStudy
from warmrl.benchmarks.variants import PAPER, Layers, variants
from warmrl.command_line import one_line_errors, parse
from warmrl.training import TrainConfig
from warmrl.warmup import WarmupConfig

PUBLISHED: dict[str, Any] = {
    "n_layers": 2,
    "hidden_size": 32,
    "gamma": 0.98,
    "warmup_steps": 100,
}
BUDGETS = {20: 1_000_000, 100: 2_000_000, 200: 3_000_000}
DRIVES = {PAPER: "gaussian"}  # what the configuration of a run says, see PaperConfig


class PaperConfig(TrainConfig):
    """A run whose warm-up has all the published settings, not its drive alone."""

    @property
    def warmup_config(self) -> WarmupConfig | None:
        """Settings of the warm-up, ``None`` without one."""
        if self.warmup == "none":
            return None
        return WarmupConfig.paper(drive=self.warmup, n_steps=self.warmup_steps, seed=self.seed)


@dataclass
class Paper(QuickStudy):
    """Train with and without the published warm-up, by PPO."""

    lengths: tuple[int, ...] = (20, 100, 200)
    """Lengths of the corridor, each trained on and tested."""
    cells: tuple[str, ...] = tuple(CELLS)
    """Recurrent cells."""
    seeds: int = 5
    """Seeds per combination."""
    layers: tuple[Layers, ...] = ("single",)
    """Single layers, warmed up as a whole, or double ones, of which half is."""

    def jobs(self, length: int) -> list[AgentJob]:
        """All runs at one length.

        :raises ValueError: for a name that does not exist
        """
        settings = PUBLISHED | SETTINGS.get(length, {})
        if length in BUDGETS:
            settings["total_timesteps"] = BUDGETS[length]
        if self.quick:
            settings |= QUICK
        return [
            AgentJob(
                f"{variant.name}, length {length}",
                PaperConfig(
                    length=(length,),
                    seed=seed,
                    solved_rollouts=10,
                    consolidate=False,
                    **variant.settings
                    | {"warmup": DRIVES.get(variant.warmup, variant.warmup)}
                    | settings,
                ),
                (length,),
            )
            for seed in range(self.seeds)
            for variant in variants(self.cells, (PAPER, "none"), self.layers)
        ]


def main(args: Sequence[str] | None = None) -> None:
    """Run the study and print a table for every length.

    :param args: the command line; that of the process if absent
    """
    study = parse(Paper, args)
    with one_line_errors():
        jobs = {length: study.jobs(length) for length in study.lengths}
    for length, runs in jobs.items():
        rows = study.rows("paper" + study.suffix, runs)
        show(rows, (length,), Console(highlight=False, soft_wrap=True), study.title)


if __name__ == "__main__":
    main()
