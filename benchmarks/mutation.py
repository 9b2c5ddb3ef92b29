"""Do the tests bite? Plants small faults in `agents`, `warmup` and `envs`, and counts those found.

A fault is planted in memory only. Each is tried in a process of its own, forked from one that has
loaded the libraries, against those fast tests that execute its line, quickest first, until one
fails. Which they are is measured first, with the coverage of lines and branches. Goes on where it
was. Makes a table of docs/trust.md (``pip install coverage cosmic-ray``)::

    python benchmarks/mutation.py --count 300 --seed 0
"""

import importlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import coverage
import pytest
import tyro

from warmrl.benchmarks.mutants import Mutant, sample

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agents", "envs", "warmup")
TESTS = ("tests/agents", "tests/envs", "tests/warmup", "tests/reference")
OPTIONS = (
    *("-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-p", "no:cov", "--hypothesis-seed=0"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # hypothesis is loaded before pytest is
)
LIBRARIES = (
    *("torch", "sb3_contrib", "gymnasium", "hypothesis", "scipy.stats", "numba", "tyro", "rich"),
    *("matplotlib.pyplot", "safetensors.torch", "array_api_compat.torch", "torch.onnx"),
)
COMPILED = "agents/kernels/"


@dataclass
class Mutation:
    """Plant faults, and count those that the tests find."""

    count: int = 300
    """Faults."""
    seed: int = 0
    """Seed of their choice."""
    controls: int = 10
    """Further trials without a fault, none of which may fail."""
    folder: Path = Path("build/mutation")
    """Where the measured coverage and the results are kept."""


@dataclass
class Measuring:
    """A plugin of pytest: notes which test executes which line, and how long it takes."""

    coverage: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Around one test."""
        self.coverage.switch_context(item.nodeid)
        start = time.perf_counter()
        result = yield
        self.seconds[item.nodeid] = time.perf_counter() - start
        self.coverage.switch_context("")
        return result


class Planted(SourceFileLoader):
    """Finds one module, and loads it from other source than its file has."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002
        """Without any cached bytecode."""
        code: CodeType = compile(self.source, self.path, "exec")
        return code

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """What Python asks of everything in ``sys.meta_path``."""
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None


def measure(folder: Path) -> int:
    """Run the fast tests once; pytest's exit status."""
    cover = coverage.Coverage(
        data_file=str(folder / "coverage"), branch=True, source=[str(ROOT / p) for p in PACKAGES]
    )
    measuring = Measuring(cover)
    cover.start()
    status = pytest.main([*OPTIONS, *TESTS], plugins=[measuring])
    cover.stop()
    if status == 0:
        cover.save()
        (folder / "seconds.json").write_text(json.dumps(measuring.seconds))
    return status


def tests_of(mutant: Mutant, data: coverage.CoverageData, seconds: dict[str, float]) -> list[str]:
    """The tests that execute its line, quickest first; all of the file's if none is known to.

    A line that runs while modules are imported, such as a default, is executed by no test.
    """
    lines = data.contexts_by_lineno(str(ROOT / mutant.path))
    on_line = {test for test in lines.get(mutant.line, ()) if test}
    found = on_line or {test for tests in lines.values() for test in tests if test}
    return sorted(found, key=lambda test: seconds[test])


def forked(work: Callable[[], int], limit: float) -> int | None:
    """Exit status of some work in a process of its own; ``None`` if it took too long (seconds)."""
    process = os.fork()
    if process == 0:
        os.setpgid(0, 0)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        status = 70
        try:
            status = int(work())
        finally:
            os._exit(status)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def tried(mutant: Mutant | None, tests: Sequence[str], seconds: float) -> str:
    """What becomes of a fault: "killed", "survived" or "timeout"; without one, of the tests."""

    def work() -> int:
        if mutant is not None:
            path = ROOT / mutant.path
            name = ".".join(("warmrl", *Path(mutant.path).with_suffix("").parts))
            if mutant.path.startswith(COMPILED):
                settings = importlib.import_module("numba.core.config")
                settings.__dict__["CACHE_DIR"] = tempfile.mkdtemp(prefix="mutant")
            assert name not in sys.modules, "a module is loaded before its fault is planted"
            sys.meta_path.insert(0, Planted(name, str(path), mutant.source(ROOT)))
        return int(pytest.main([*OPTIONS, *tests]))

    slow = 120 if mutant is not None and mutant.path.startswith(COMPILED) else 0
    status = forked(work, 60 + slow + 20 * seconds)
    return "timeout" if status is None else "survived" if status == 0 else "killed"


def main(config: Mutation) -> None:
    """Measure, plant what is not planted yet, and print the table."""
    os.chdir(ROOT)
    config.folder.mkdir(parents=True, exist_ok=True)
    if not (config.folder / "seconds.json").exists() and forked(
        lambda: measure(config.folder), 24 * 3600
    ):
        raise SystemExit("the tests must pass before faults are planted")
    for name in LIBRARIES:
        importlib.import_module(name)
    cover = coverage.Coverage(data_file=str(config.folder / "coverage"))
    cover.load()
    data, seconds = cover.get_data(), json.loads((config.folder / "seconds.json").read_text())
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("[!_]*.py")]
    paths = [str(path.relative_to(ROOT)) for path in files]
    mutants = sample(paths, ROOT, config.count, config.seed)
    results = config.folder / f"seed-{config.seed}.jsonl"
    lines = results.read_text().splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines]
    with results.open("a") as file:
        for mutant in mutants[len(rows) :]:
            tests = tests_of(mutant, data, seconds)
            start = time.monotonic()
            end = tried(mutant, tests, sum(seconds[t] for t in tests)) if tests else "no test"
            row = {"end": end, "tests": len(tests), "seconds": time.monotonic() - start}
            rows.append(asdict(mutant) | row | {"diff": mutant.diff(ROOT)})
            print(json.dumps(rows[-1]), file=file, flush=True)
    for mutant in mutants[: config.controls]:
        tests = tests_of(mutant, data, seconds)
        assert tried(None, tests, sum(seconds[t] for t in tests)) == "survived", mutant
    ends = Counter(row["end"] for row in rows)
    found = ends["killed"] + ends["timeout"]
    print(f"{found} of {len(rows)} faults found: {found / len(rows):.1%}, {dict(ends)}")
    for row in rows:
        if row["end"] in ("survived", "no test"):
            print(f"{row['path']}:{row['line']} {row['operator']}, {row['tests']} tests")
            print(row["diff"])


if __name__ == "__main__":
    main(tyro.cli(Mutation, description=Mutation.__doc__))
