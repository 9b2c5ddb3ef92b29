"""What the scripts share at the command line: parsing, and one line for a user's mistake."""

import contextlib
import inspect
import io
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias, TypeVar

import tyro

Config = TypeVar("Config")
Delays: TypeAlias = Annotated[
    tuple[int, ...] | None, tyro.conf.arg(metavar="N [N ...]", help_behavior_hint="")
]
SCRIPTS = ("train", "evaluate", "export", "sweep")


class UserError(ValueError):
    """A mistake of the user; the message names the field, the value and what would be right."""


def fail(message: str) -> NoReturn:
    """Print ``error: message`` as one line on standard error, and exit with status 2."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the errors of what a user configured into one line and exit status 2.

    Only for the part of a script that checks: a later ValueError is a bug, and keeps its traceback.
    """
    try:
        yield
    except OSError as error:
        # Those raised by the system carry their file apart from their message.
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        fail(named)
    except (ValueError, TypeError) as error:
        fail(str(error))


def command(script: str) -> str:
    """How to run a script in the way that this process was: "python train.py" or "warmrl-train".

    :param script: one of ``SCRIPTS``
    """
    started = Path(sys.argv[0])
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if started.stem in {f"warmrl-{name}" for name in SCRIPTS}:
        return f"warmrl-{script}"
    if module is not None and module.name in {f"warmrl.{name}" for name in SCRIPTS}:
        return f"python -m warmrl.{script}"
    if started.name in {f"{name}.py" for name in SCRIPTS}:
        return f"python {started.with_name(f'{script}.py')}"
    return f"python {script}.py"


def parse(
    config: type[Config],
    args: Sequence[str] | None = None,
    default: Config | None = None,
    script: str | None = None,
) -> Config:
    """Read a configuration from the command line.

    :param config: a dataclass; its docstrings become the help
    :param args: the arguments; those of the process if absent
    :param default: what holds where no argument is given; the dataclass's own defaults if absent
    :param script: the script whose configuration it is, if one of ``SCRIPTS``
    """
    given = sys.argv[1:] if args is None else args
    description = inspect.cleandoc(config.__doc__ or "")
    prog = None
    if script is not None:
        for name in SCRIPTS:
            description = description.replace(f"python {name}.py", command(name))
        # A shell completes the name of a program, which only the installed scripts have.
        completes = any(arg.startswith("--tyro-") for arg in given)
        prog = f"warmrl-{script}" if completes else command(script)
    box = io.StringIO()
    try:
        with contextlib.redirect_stderr(box):
            if default is None:
                return tyro.cli(config, prog=prog, description=description, args=given)
            return tyro.cli(config, prog=prog, description=description, args=given, default=default)
    except SystemExit as stop:
        if stop.code:
            said = _first_paragraph(box.getvalue())
            fail(said.removeprefix(f"Error parsing {config.__name__}: "))
        raise


def _first_paragraph(box: str) -> str:
    """What a box drawn by tyro says, between its first two rules.

    Where there is no UTF-8, a box is blanks and hyphens, and its title has a line of its own.
    """
    lines = [line.strip(" │") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    rules = [i for i, line in enumerate(lines) if line[:1] in "─╭╰" or not line.strip("-")]
    if not rules:
        return box
    first, after = [*rules, len(lines)][:2]
    return " ".join(lines[first + 1 : after])
