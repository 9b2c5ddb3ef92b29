"""Initial weights, local stability and warm-up: what each makes of memory, and of learning.

Every network is trained on the T-maze of length 20, and none is consolidated, which would give them
all attractors in the end; VAA is measured before and after training.
Makes a table of docs/benchmarks.md::

    python benchmarks/initialisation.py
    python benchmarks/initialisation.py --quick
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from warmrl.agents import INITIALISERS
from warmrl.benchmarks.agent_job import QUICK, AgentJob, show
from warmrl.benchmarks.study import QuickStudy
from warmrl.benchmarks.variants import Layers, Variant, is_defined
from warmrl.command_line import one_line_errors, parse
from warmrl.training import TrainConfig
from warmrl.training.config import STABILITY

RADII = (1.0, 0.5)
QUICK_VAA_STEPS = 200


@dataclass
class Initialisation(QuickStudy):
    """Train from every initialisation, after local stability, and after a warm-up."""

    length: int = 20
    """Length of the corridor in training."""
    cells: tuple[str, ...] = ("gru", "lstm")
    """Recurrent cells."""
    inits: tuple[str, ...] = tuple(init for init in INITIALISERS if init != "default")
    """Initial weights; those not defined for a cell are left out. By default an LSTM has uniform
    ones, other cells orthogonal ones: these are what is warmed up."""
    layers: Layers = "double"
    """Double or single layers; of double ones half is prepared, and measured."""
    delays: tuple[int, ...] = (20, 2_000)
    """Lengths tested."""
    vaa_steps: int = 10_000
    """Steps of constant input after which VAA is measured."""

    @property
    def variants(self) -> Iterator[Variant]:
        """What is compared, cell by cell."""
        for cell in self.cells:
            for init in self.inits:
                if is_defined(init, cell):
                    yield Variant(cell, init=init, layers=self.layers)
            for radius in RADII:
                yield Variant(cell, STABILITY, self.layers, stability_radius=radius)
            yield Variant(cell, "frame", self.layers)

    def jobs(self) -> list[AgentJob]:
        """All runs of the study.

        :raises ValueError: for a name that does not exist
        """
        return [
            AgentJob(
                variant.name,
                TrainConfig(
                    length=(self.length,),
                    seed=seed,
                    consolidate=False,
                    **variant.settings,
                    **(QUICK if self.quick else {}),
                ),
                self.delays,
                vaa_steps=QUICK_VAA_STEPS if self.quick else self.vaa_steps,
            )
            for seed in range(self.seeds)
            for variant in self.variants
        ]


def main(args: Sequence[str] | None = None) -> None:
    """Run the study and print its table.

    :param args: the command line; that of the process if absent
    """
    study = parse(Initialisation, args)
    with one_line_errors():
        jobs = study.jobs()
    rows = study.rows("initialisation" + study.suffix, jobs)
    show(rows, study.delays, Console(highlight=False, soft_wrap=True), study.title)


if __name__ == "__main__":
    main()
