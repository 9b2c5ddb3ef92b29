"""Which run comes next: trials of an Optuna study, one study for each point of the grid."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from .definition import Definition
from .grid import Point
from .plan import make_run
from .rows import Row
from .run import DONE, FAILED, Progress, Run
from .space import Choice, Range

STUDY_FILE = "optuna.journal"
REPORTS = 20
"""how often a run can be pruned"""
STARTUP_TRIALS = 5
"""trials that are not pruned"""


class SearchPlan:
    """Trials of a tree-structured Parzen estimator, a median rule ends those that lag behind.

    A trial is one run for each seed, one after the other; its value is their mean score. A trial
    depends on nothing but the seed and the trials before it: one run at a time, a sweep that was
    stopped goes on to the same trials as if it had not been.

    :param definition: the sweep
    :param folder: its folder
    :param rows: those of runs that have ended before, by their keys; new ones are put there, too
    :param n_trials: trials at each point of the grid
    :param parallel: whether runs are side by side
    """

    def __init__(
        self,
        definition: Definition,
        folder: Path,
        rows: dict[str, Row],
        n_trials: int,
        parallel: bool,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._definition, self._folder, self._rows = definition, folder, rows
        self._n_trials, self._parallel = n_trials, parallel
        self._space = {name: _distribution(it) for name, it in definition.space.items()}
        storage = JournalStorage(JournalFileBackend(str(folder / STUDY_FILE)))
        self._studies = {
            point.name: optuna.create_study(
                storage=storage,
                study_name=point.name or "sweep",
                direction="maximize",
                pruner=optuna.pruners.MedianPruner(STARTUP_TRIALS, n_warmup_steps=REPORTS // 4),
                load_if_exists=True,
            )
            for point in definition.points
        }
        self._points = {point.name: point for point in definition.points}
        self._ready: deque[Run] = deque()
        for point in definition.points:
            for trial in self._studies[point.name].get_trials(states=(TrialState.RUNNING,)):
                self._go_on_with(point, trial.number)
        self._asked = self._ask()

    @property
    def total(self) -> int:
        """See :class:`~warmrl.sweeps.plan.Plan`; a trial that is pruned has fewer runs."""
        return self._n_trials * len(self._points) * len(self._definition.seeds)

    @property
    def ended(self) -> int:
        """See :class:`~warmrl.sweeps.plan.Plan`; a trial that has ended counts as all its runs."""
        trials = [t for study in self._studies.values() for t in study.get_trials(deepcopy=False)]
        return len(self._definition.seeds) * sum(trial.state.is_finished() for trial in trials)

    def next(self) -> Run | None:
        """See :class:`~warmrl.sweeps.plan.Plan`."""
        while not self._ready:
            asked = next(self._asked, None)
            if asked is None:
                return None
            self._go_on_with(*asked)
        return self._ready.popleft()

    def goes_on(self, run: Run, progress: Progress) -> bool:
        """See :class:`~warmrl.sweeps.plan.Plan`: reported to Optuna at equal shares of the run."""
        if progress.score is None:
            return True
        step = min(int(REPORTS * progress.steps / run.config.total_timesteps), REPORTS - 1)
        trial = self._trial(run)
        at = self._first_step(run) + step
        if at in self._frozen(run).intermediate_values:
            return True
        trial.report(progress.score, at)
        return not trial.should_prune()

    def end(self, run: Run, row: Row) -> None:
        """See :class:`~warmrl.sweeps.plan.Plan`."""
        if row["status"] == DONE:
            self._report_to_the_end(run)
        self._go_on_with(self._points[run.group], self._number(run))

    def _report_to_the_end(self, run: Run) -> None:
        """Compare a run that was solved early with the others to their ends."""
        first = self._first_step(run)
        told = self._frozen(run).intermediate_values
        last = max((at for at in told if at >= first), default=None)
        for at in range(first if last is None else last + 1, first + REPORTS):
            if last is not None:
                self._trial(run).report(told[last], at)

    def _first_step(self, run: Run) -> int:
        """Of what is reported of a run: those of a trial are one after the other."""
        return REPORTS * self._definition.seeds.index(run.config.seed)

    def _number(self, run: Run) -> int:
        assert run.trial is not None
        return run.trial

    def _frozen(self, run: Run) -> FrozenTrial:
        return self._studies[run.group].get_trials(deepcopy=False)[self._number(run)]

    def _trial(self, run: Run) -> Trial:
        # Also of a trial that an earlier process asked for; Optuna has no other way to one.
        return Trial(self._studies[run.group], self._frozen(run)._trial_id)

    def rows(self) -> list[Row]:
        """See :class:`~warmrl.sweeps.plan.Plan`: of one point after the other."""
        groups = list(self._points)
        by_trial = sorted(self._rows.values(), key=lambda row: int(row["trial"]))
        return sorted(by_trial, key=lambda row: groups.index(row["group"]))

    def _ask(self) -> Iterator[tuple[Point, int]]:
        """New trials, of one point after the other."""
        for point in self._definition.points:
            study = self._studies[point.name]
            while (number := len(study.get_trials(deepcopy=False))) < self._n_trials:
                seeds = np.random.SeedSequence([self._definition.seeds[0], number])
                study.sampler = optuna.samplers.TPESampler(
                    seed=int(seeds.generate_state(1)[0]), constant_liar=self._parallel
                )
                yield point, study.ask(self._space).number

    def _go_on_with(self, point: Point, number: int) -> None:
        """Make the next run of a trial ready, or tell Optuna what the trial came to."""
        study = self._studies[point.name]
        params = study.get_trials(deepcopy=False)[number].params
        settings = {name: self._definition.space[name].value(p) for name, p in params.items()}
        scores = []
        for seed in self._definition.seeds:
            run = make_run(
                self._definition, self._folder, point, point.settings | settings, seed, number
            )
            row = self._rows.get(run.key)
            if row is None:
                self._ready.append(run)
                return
            if row["status"] != DONE:
                state = TrialState.FAIL if row["status"] == FAILED else TrialState.PRUNED
                study.tell(number, state=state)
                return
            scores.append(row["score"])
        study.tell(number, fmean(scores))


def _distribution(values: Range | Choice) -> BaseDistribution:
    if isinstance(values, Choice):
        return CategoricalDistribution(values.names)
    low, high, log, step = values.low, values.high, values.log, values.step
    if isinstance(low, int) and isinstance(high, int) and not isinstance(step, float):
        return IntDistribution(low, high, log, step or 1)
    return FloatDistribution(low, high, log, step)
