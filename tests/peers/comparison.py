"""The peers' own tests, of recurrent PPO as it comes and of ours in its place.

    python tests/peers/comparison.py path/to/stable-baselines3 path/to/stable-baselines3-contrib

Each argument is a checkout of stable-baselines3 or of stable-baselines3-contrib, at the version
that is installed; their tests need ``pip install stable-baselines3[extra]``. Every test there that
makes PPO, A2C, recurrent PPO, a rollout buffer or vector environments runs with recurrent PPO of
sb3-contrib in the place of the algorithms, and if it passes, with each of ours
(:data:`~warmrl.tests.peers.stand_ins.CASTS`). The exit status is 0 if ours fail no test but those
in :data:`DELIBERATE`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("stable_baselines3", "sb3_contrib")
CONTROL = "upstream"
OURS = ("our policies", "our algorithm", "both")
NAMES = re.compile(r"\b(PPO|A2C|RecurrentPPO|RolloutBuffer|DictRolloutBuffer|make_vec_env)\b")
LONGEST = 180  # seconds of a single test with upstream's; slower ones are left out, ours get twice


class Difference(NamedTuple):
    """Where ours differ on purpose."""

    message: str  # a pattern of what the tests then fail with
    page: str  # the words of docs/stable-baselines3.md that say so


DELIBERATE = (
    Difference(
        "shared_lstm=True and enable_critic_lstm=True exclude each other",
        "| `shared_lstm=True` with `enable_critic_lstm=True` |",
    ),
)


class Outcome(NamedTuple):
    """How one test of the peers went."""

    outcome: str  # "passed", "failed" or "skipped"
    stands_in: bool  # whether the test made a stand-in
    message: str


class Failure(NamedTuple):
    """A test that passes with upstream's recurrent PPO, and not with ours."""

    test: str
    cast: str
    message: str

    @property
    def deliberate(self) -> bool:
        """Whether ours differ there on purpose."""
        return any(re.search(difference.message, self.message) for difference in DELIBERATE)


def checkouts(paths: Sequence[str]) -> list[Path]:
    """The folders of checkouts of the peers.

    :raises ValueError: if there is none, or a path is not the root of a checkout
    """
    if not paths:
        raise ValueError(f"no checkout; name the root of one with {' or '.join(PACKAGES)} in it")
    roots = [Path(path).resolve() for path in paths]
    for root in roots:
        if not ((root / "tests").is_dir() and any((root / name).is_dir() for name in PACKAGES)):
            raise ValueError(f"{root} must be a checkout, with tests and {' or '.join(PACKAGES)}")
    return roots


def test_files(checkout: Path) -> list[Path]:
    """The files of a checkout's tests in which something can stand in."""
    files = sorted((checkout / "tests").rglob("test_*.py"))
    return [file for file in files if NAMES.search(file.read_text())]


def play(checkout: Path, tests: Sequence[str], cast: str, longest: int) -> dict[str, Outcome]:
    """Run tests of a checkout in a process of their own.

    :param checkout: its root
    :param tests: files, or ids of tests, from its root on
    :param cast: a name in :data:`~warmrl.tests.peers.stand_ins.CASTS`
    :param longest: seconds after which a test fails
    :return: the outcome of each test, by its id
    :raises RuntimeError: if the tests cannot be run; if a package is missing, for example
    """
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "log.jsonl")
        log.touch()
        arguments = Path(scratch, "tests")
        arguments.write_text("\n".join(str(checkout / test) for test in tests))
        paths = [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
        outer = {name: v for name, v in os.environ.items() if not name.startswith("PYTEST_")}
        environment = outer | {
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "WARMRL_PEERS_CAST": cast,
            "WARMRL_PEERS_LOG": str(log),
        }
        options = ["-q", "-p", "stand_ins", "-p", "no:cacheprovider", "-p", "no:xdist"]
        options += [f"--rootdir={checkout}", f"-c={checkout / 'pyproject.toml'}"]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--timeout={longest}", f"@{arguments}"],
            cwd=scratch,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        entries = [json.loads(line) for line in log.read_text().splitlines()]
    died = run.returncode < 0 and cast != CONTROL  # what it had not run yet is lost
    if run.returncode not in (0, 1) and not died:
        raise RuntimeError(f"pytest ended with status {run.returncode}:\n{run.stdout}{run.stderr}")
    return {
        entry["test"]: Outcome(entry["outcome"], bool(entry["stand_ins"]), entry["message"])
        for entry in entries
    }


def compare(checkout: Path, casts: Sequence[str] = OURS) -> tuple[list[str], list[Failure]]:
    """The tests of a checkout that upstream's recurrent PPO passes, and where ours fail them.

    What fails is run once more, since some of the peers' tests measure time.

    :param checkout: its root
    :param casts: ours
    :return: the ids of these tests, and the failures
    """
    files = [str(file.relative_to(checkout)) for file in test_files(checkout)]
    control = play(checkout, files, CONTROL, LONGEST)
    passed = [test for test, o in control.items() if o.stands_in and o.outcome == "passed"]

    def failures_of(cast: str) -> list[Failure]:
        failed = dict.fromkeys(passed, "")
        for _ in range(2):
            outcomes = play(checkout, list(failed), cast, 2 * LONGEST) if failed else {}
            lost = Outcome("lost", True, "the process died in this test, or before it")
            tried = {test: outcomes.get(test, lost) for test in failed}
            failed = {test: o.message for test, o in tried.items() if o.outcome != "passed"}
        return [Failure(test, cast, message) for test, message in failed.items()]

    with ThreadPoolExecutor(2) as pool:
        return passed, [failure for part in pool.map(failures_of, casts) for failure in part]


def report(checkout: Path, passed: Sequence[str], failures: Sequence[Failure]) -> Iterator[str]:
    """Lines that say how many tests ours pass, and which they fail."""
    failed = Counter(failure.cast for failure in failures)
    counts = ", ".join(f"{cast} {len(passed) - failed[cast]}" for cast in OURS)
    yield f"{checkout.name}: upstream passes {len(passed)} tests, {counts} of them"
    for failure in failures:
        purpose = " (deliberate)" if failure.deliberate else ""
        yield f"  {failure.test} with {failure.cast}{purpose}: {failure.message[:300]}"


def main(argv: Sequence[str] | None = None) -> None:
    """Compare, report, and exit with status 1 if ours fail a test that they should not.

    It exits with status 2 if the tests cannot be run.
    """
    parser = argparse.ArgumentParser(description="Run the peers' own tests with ours in place.")
    parser.add_argument("checkouts", nargs="+", help="roots of checkouts of the peers")
    arguments = parser.parse_args(argv)
    try:
        roots = checkouts(arguments.checkouts)
    except ValueError as error:
        parser.error(str(error))
    wrong = False
    for root in roots:
        try:
            passed, failures = compare(root)
        except RuntimeError as error:
            parser.error(str(error))
        print("\n".join(report(root, passed, failures)), flush=True)
        wrong |= not passed or any(not failure.deliberate for failure in failures)
    sys.exit(int(wrong))


if __name__ == "__main__":
    main()
