"""Supervised tasks of memory: what is read, and what must be given at the end."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from warmrl.checks import check_integer


class Sequences(NamedTuple):
    """N sequences of T steps."""

    inputs: Tensor
    """[T, N, I]"""
    targets: Tensor
    """of the last K outputs: numbers [K, N, O], or classes [K, N] int64"""

    def split(self, *sizes: int) -> list["Sequences"]:
        """Parts of the N sequences, in proportion to ``sizes``."""
        n = self.inputs.shape[1]
        ends = [round(n * sum(sizes[: i + 1]) / sum(sizes)) for i in range(len(sizes))]
        return [self.of(torch.arange(*ends)) for ends in zip([0, *ends[:-1]], ends, strict=True)]

    def of(self, which: Tensor) -> "Sequences":
        """Some of the sequences, by their numbers."""
        return Sequences(self.inputs[:, which], self.targets[:, which])


class SequenceTask(ABC):
    """A supervised task. Its error is the mean square error of numbers, or the share of wrong
    classes; 0 is best.
    """

    @property
    @abstractmethod
    def n_inputs(self) -> int:
        """I, numbers read on each step."""

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """O, numbers given, or classes told apart."""

    @property
    @abstractmethod
    def error_without_memory(self) -> float:
        """Error of the best guess."""

    @property
    def n_scored(self) -> int | None:
        """Last outputs that the error is taken over; ``None`` for all that are learned."""
        return None

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> Sequences:
        """Draw ``n`` sequences, or fewer if there are fewer different ones."""

    @staticmethod
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean square error of numbers, cross-entropy of classes.

        :param outputs: [T, N, O]
        :param targets: see :class:`Sequences`
        """
        last = outputs[-len(targets) :]
        if targets.is_floating_point():
            return F.mse_loss(last, targets)
        return F.cross_entropy(last.flatten(0, 1), targets.flatten())

    def error(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean square error of numbers, share of wrong classes; see :meth:`loss`."""
        targets = targets[-(self.n_scored or 0) :]
        if targets.is_floating_point():
            return self.loss(outputs, targets)
        return (outputs[-len(targets) :].argmax(dim=-1) != targets).float().mean()


@dataclass(frozen=True)
class CopyFirst(SequenceTask):
    """Give the first number of a stream of N(0, 1) at its end (Lambrechts et al. 2023).

    :param length: steps of the stream T, at least 1
    """

    length: int
    n_inputs = 1
    n_outputs = 1
    error_without_memory = 1.0

    def __post_init__(self) -> None:
        check_integer("length", self.length, 1)

    def draw(self, n: int, generator: torch.Generator) -> Sequences:
        """See the class."""
        stream = torch.randn(self.length, n, 1, generator=generator)
        return Sequences(stream, stream[:1])


@dataclass(frozen=True)
class Denoising(SequenceTask):
    """Of a stream of N(0, 1) give the flagged numbers, in their order, from a cue on (Lambrechts et
    al. 2023). A step shows [number, flag, cue]; the cue is on the first step after the stream.

    :param length: steps of the stream T
    :param pad: last steps of the stream, without flags
    :param n_values: flagged numbers
    """

    length: int = 200
    pad: int = 100
    n_values: int = 5
    n_inputs = 3
    n_outputs = 1
    error_without_memory = 1.0

    def __post_init__(self) -> None:
        check_integer("pad", self.pad, 0)
        check_integer("n_values", self.n_values, 1)
        check_integer("length", self.length, self.pad + self.n_values)

    def draw(self, n: int, generator: torch.Generator) -> Sequences:
        """See the class."""
        stream = torch.randn(self.length, n, generator=generator)
        places = torch.rand(self.length - self.pad, n, generator=generator).argsort(dim=0)
        flagged = places[: self.n_values].sort(dim=0).values  # (n_values, n)
        inputs = torch.zeros(self.length + self.n_values, n, 3)
        inputs[: self.length, :, 0] = stream
        inputs[..., 1].scatter_(0, flagged, 1.0)
        inputs[self.length, :, 2] = 1.0
        return Sequences(inputs, stream.gather(0, flagged)[..., None])


@dataclass(frozen=True)
class Copy(SequenceTask):
    """Repeat a row of symbols after a delay, and say "blank" on all steps before (the copy task of
    Orhan & Pitkow 2020). The symbols are followed by ``delay`` blanks, the last of them a cue, and
    by as many blanks as there are symbols. The error is that of the symbols alone.

    :param delay: steps between reading and repeating T
    :param n_symbols: symbols to be repeated
    :param alphabet: different symbols
    """

    delay: int = 500
    n_symbols: int = 10
    alphabet: int = 8

    def __post_init__(self) -> None:
        for name, least in (("delay", 1), ("n_symbols", 1), ("alphabet", 2)):
            check_integer(name, getattr(self, name), least)

    @property
    def n_inputs(self) -> int:
        """Symbols, blank and cue, one-hot."""
        return self.alphabet + 2

    @property
    def n_outputs(self) -> int:
        """Symbols and blank."""
        return self.alphabet + 1

    @property
    def error_without_memory(self) -> float:
        """One symbol is as likely as another."""
        return 1 - 1 / self.alphabet

    @property
    def n_scored(self) -> int:
        """The symbols."""
        return self.n_symbols

    def draw(self, n: int, generator: torch.Generator) -> Sequences:
        """See the class."""
        symbols = torch.randint(self.alphabet, (self.n_symbols, n), generator=generator)
        blank, cue = self.alphabet, self.alphabet + 1
        blanks = torch.full((self.delay + self.n_symbols, n), blank)
        shown = torch.cat((symbols, blanks))  # (delay + 2 n_symbols, n)
        shown[self.n_symbols + self.delay - 1] = cue
        return Sequences(F.one_hot(shown, self.n_inputs).float(), torch.cat((blanks, symbols)))


@dataclass(frozen=True)
class Addition(SequenceTask):
    """Give the sum of two marked numbers of a stream of U(0, 1), one marked in each half (the
    addition task of Orhan & Pitkow 2020). A step shows [number, mark].

    :param length: steps of the stream T, at least 2
    """

    length: int = 750
    n_inputs = 2
    n_outputs = 1
    error_without_memory = 1 / 6  # the variance of the sum

    def __post_init__(self) -> None:
        check_integer("length", self.length, 2)

    def draw(self, n: int, generator: torch.Generator) -> Sequences:
        """See the class."""
        half = self.length // 2
        numbers = torch.rand(self.length, n, generator=generator)
        first = torch.randint(half, (1, n), generator=generator)
        second = torch.randint(half, self.length, (1, n), generator=generator)
        marked = torch.cat((first, second))  # (2, n)
        marks = torch.zeros_like(numbers).scatter_(0, marked, 1.0)
        total = numbers.gather(0, marked).sum(dim=0)
        return Sequences(torch.stack((numbers, marks), dim=-1), total[None, :, None])
