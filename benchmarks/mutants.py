"""Small faults to plant in a module, by the operators of cosmic-ray."""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

NEED_ARGUMENTS = ("VariableReplacer", "VariableInserter")


@dataclass(frozen=True)
class Mutant:
    """One fault: an operator, applied where it can be for the nth time in a file."""

    path: str
    """of the file, within the project"""
    operator: str
    occurrence: int
    line: int
    column: int

    def source(self, root: Path) -> str:
        """The file with the fault in it."""
        code: str = mutate_code(
            (root / self.path).read_text(), get_operator(self.operator)(), self.occurrence
        )
        return code

    def diff(self, root: Path) -> str:
        """The lines that differ."""
        before, after = (root / self.path).read_text(), self.source(root)
        changes = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in changes if line[:3] not in ("---", "+++"))


def mutants_of(path: str, root: Path) -> list[Mutant]:
    """All faults that a file can have; none in annotations, which are not executed to any end."""
    source = (root / path).read_text()
    nodes, silent = list(ast_nodes(get_ast(source))), list(_annotations(ast.parse(source)))
    found = []
    for name in operator_names():
        if name.endswith(NEED_ARGUMENTS):
            continue
        operator = get_operator(name)()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, ((line, column), _) in enumerate(places):
            if not any(first <= (line, column) < last for first, last in silent):
                found.append(Mutant(path, name, occurrence, line, column))
    return found


def sample(paths: list[str], root: Path, count: int, seed: int) -> list[Mutant]:
    """Draw places without replacement, from all files alike, and at each one of its faults."""
    places: dict[tuple[str, int, int], list[Mutant]] = {}
    for path in sorted(paths):
        for mutant in mutants_of(path, root):
            places.setdefault((path, mutant.line, mutant.column), []).append(mutant)
    rng, groups = np.random.default_rng(seed), list(places.values())
    drawn = rng.choice(len(groups), min(count, len(groups)), replace=False)
    return [groups[i][rng.integers(len(groups[i]))] for i in drawn]


def _annotations(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end."""
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if isinstance(part, ast.expr):
                last = (part.end_lineno or 0, part.end_col_offset or 0)
                yield (part.lineno, part.col_offset), last
