"""Networks on supervised tasks as runs of a study: prepared, trained, and tested at their best."""

import copy
import dataclasses
import json
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from warmrl.agents.initialisers import find_initialiser
from warmrl.agents.layers import RecurrentStack
from warmrl.benchmarks.sequence_tasks import Sequences, SequenceTask
from warmrl.benchmarks.variants import PAPER, Variant
from warmrl.checks import check_integer, check_positive
from warmrl.sweeps.rows import Row
from warmrl.training import TrainConfig
from warmrl.warmup import (
    LocalStabilityConfig,
    Trajectories,
    WarmupConfig,
    local_stability,
    warm_up,
)
from warmrl.warmup.descent import DescentResult

BATCH = 32
MAX_GRAD_NORM = 1.0
AT_ONCE = 250  # sequences per call where there is no gradient


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is learned from, by how large a network; Adam, batches of 32."""

    hidden_size: int = 64
    """width of a recurrent layer"""
    n_layers: int = 1
    """recurrent layers"""
    n_train: int = 5_000
    """sequences to learn from"""
    n_valid: int = 500
    """sequences on which the best epoch is chosen"""
    n_test: int = 1_000
    """sequences on which its error is taken"""
    epochs: int = 10
    """times that as many sequences are learned from; where a task has fewer, each more often"""
    learning_rate: float = 1e-3
    """step size of Adam"""
    warmup_steps: int = 200
    """gradient steps of the warm-up"""
    warmup_sequences: int = 256
    """sequences that the warm-up sees"""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "learning_rate":
                check_positive(field.name, value)
            else:
                check_integer(field.name, value, 1)


class SequenceNetwork(nn.Module):
    """Recurrent layers and a linear read-out."""

    def __init__(self, task: SequenceTask, variant: Variant, sizes: Sizes) -> None:
        super().__init__()
        self.rnn = RecurrentStack(
            variant.cell,
            task.n_inputs,
            sizes.hidden_size,
            sizes.n_layers,
            double=variant.layers == "double",
            init=find_initialiser(variant.init),
        )
        self.head = nn.Linear(sizes.hidden_size, task.n_outputs)

    def forward(self, x: Tensor, n_outputs: int) -> Tensor:
        """The last outputs [n_outputs, N, O] for inputs [T, N, I]."""
        out, _ = self.rnn(x)
        read: Tensor = self.head(out[-n_outputs:])
        return read


@dataclasses.dataclass(frozen=True)
class SequenceJob:
    """Train and test one network."""

    name: str
    """of the task"""
    task: SequenceTask
    variant: Variant
    sizes: Sizes
    seed: int

    @property
    def group(self) -> str:
        """What is compared: runs of a group differ in their seed only."""
        return f"{self.name}: {self.variant.name}"

    @property
    def key(self) -> str:
        """What makes the run the same run, as JSON."""
        return json.dumps(dataclasses.asdict(self), default=str)

    def run(self) -> Row:
        """Train and test the network.

        :return: its row of results, JSON
        """
        torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(self.seed)
        parts = (self.sizes.n_train, self.sizes.n_valid, self.sizes.n_test)
        train, valid, test = self.task.draw(sum(parts), generator).split(*parts)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = SequenceNetwork(self.task, self.variant, self.sizes)
        start = time.perf_counter()
        prepared = self.prepare(network, train)
        warmed = time.perf_counter()
        validation = self.fit(network, train, valid, generator)
        return {
            "group": self.group,
            "task": self.name,
            "variant": self.variant.name,
            "seed": self.seed,
            "error": self.mean(network, test, self.task.error),
            "error_without_memory": self.task.error_without_memory,
            "validation": validation,
            "best_epoch": validation.index(min(validation)),
            "vaa_before": None if prepared is None else prepared.mean_vaa_before,
            "vaa_after": None if prepared is None else prepared.mean_vaa_after,
            "warmup_seconds": round(warmed - start, 2),
            "training_seconds": round(time.perf_counter() - warmed, 2),
        }

    def prepare(self, network: SequenceNetwork, train: Sequences) -> DescentResult | None:
        """Warm the network up, or pre-train it to local stability, if the variant says so."""
        settings = self.settings
        if settings is None:
            return None
        inputs = train.inputs[:, : self.sizes.warmup_sequences]
        length, n = inputs.shape[:2]
        trajectories = Trajectories(inputs, torch.full((n,), length))
        if isinstance(settings, LocalStabilityConfig):
            return local_stability(network.rnn, trajectories, settings)
        return warm_up(network.rnn, trajectories, settings)

    @property
    def settings(self) -> WarmupConfig | LocalStabilityConfig | None:
        """Settings of the warm-up, those of ``train.py`` or the published ones."""
        if self.variant.warmup == PAPER:
            return WarmupConfig.paper(n_steps=self.sizes.warmup_steps, seed=self.seed)
        return TrainConfig(
            **self.variant.settings, warmup_steps=self.sizes.warmup_steps, seed=self.seed
        ).warmup_config

    def fit(
        self,
        network: SequenceNetwork,
        train: Sequences,
        valid: Sequences,
        generator: torch.Generator,
    ) -> list[float]:
        """Train, and leave the network as it was when its validation loss was lowest.

        :return: that loss, before training and after each epoch
        """
        optimiser = torch.optim.Adam(network.parameters(), lr=self.sizes.learning_rate)
        curve = [self.mean(network, valid, self.task.loss)]
        best = copy.deepcopy(network.state_dict())
        for _ in range(self.sizes.epochs):
            order = order_of_epoch(train.inputs.shape[1], self.sizes.n_train, generator)
            for which in torch.split(order, BATCH):
                x, y = train.of(which)
                optimiser.zero_grad()
                loss = self.task.loss(network(x, len(y)), y)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), MAX_GRAD_NORM)
                optimiser.step()
            curve.append(self.mean(network, valid, self.task.loss))
            if curve[-1] == min(curve):
                best = copy.deepcopy(network.state_dict())
        network.load_state_dict(best)
        return curve

    @staticmethod
    @torch.no_grad()
    def mean(
        network: SequenceNetwork,
        sequences: Sequences,
        measure: Callable[[Tensor, Tensor], Tensor],
    ) -> float:
        """Mean of a measure of outputs and targets over all sequences."""
        n = sequences.inputs.shape[1]
        total = 0.0
        for which in torch.split(torch.arange(n), AT_ONCE):
            x, y = sequences.of(which)
            total += len(which) * measure(network(x, len(y)), y).item()
        return total / n


def order_of_epoch(n: int, n_train: int, generator: torch.Generator) -> Tensor:
    """The numbers of n sequences shuffled, and again until there are about ``n_train``."""
    passes = max(1, round(n_train / n))
    return torch.cat([torch.randperm(n, generator=generator) for _ in range(passes)])
