"""Export a run's policy: as ONNX, a program of torch, a model card, or to the Hugging Face Hub."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from warmrl.agents import Agent
from warmrl.agents.onnx_export import export_onnx
from warmrl.agents.program_export import export_program
from warmrl.command_line import UserError, fail, one_line_errors, parse
from warmrl.sharing import push_to_hub, write_card

FORMATS: dict[str, Callable[[Agent, Path], None]] = {".onnx": export_onnx, ".pt2": export_program}
"""how a file is written, by how its name ends"""


@dataclass
class ExportConfig:
    """Export a trained policy as a file, with its memory as an input and an output, or share it.

    - ONNX, or a program of torch.export; how to run them: docs/export.md.
    - A model card, and the Hugging Face Hub: docs/sharing.md. Examples:
      python export.py runs/tmaze policy.onnx
      python export.py runs/tmaze policy.pt2
      python export.py runs/tmaze --card
      python export.py runs/tmaze --push USER/NAME
    """

    run_dir: tyro.conf.Positional[Path]
    """Run folder, as train.py leaves it: config.json and policy.safetensors."""
    path: tyro.conf.Positional[Path | None] = None
    """The file, FILE.onnx or FILE.pt2; one that is there is replaced. Left out, it is policy.onnx
    in the run folder, unless a card or the Hub is asked for."""
    card: tyro.conf.FlagCreatePairsOff[bool] = False
    """Write a model card into the run folder, README.md. Needs the extra "hub"."""
    push: Annotated[str | None, tyro.conf.arg(metavar="USER/NAME", help_behavior_hint="")] = None
    """Put the agent on the Hugging Face Hub, with that card or a new one. Needs the extra "hub"."""
    private: tyro.conf.FlagCreatePairsOff[bool] = False
    """Whether only its owner sees a repository that --push makes."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the script.

    :param args: the command line; that of the process if absent
    """
    config = parse(ExportConfig, args, script="export")
    path = config.path
    if path is None and not config.card and config.push is None:
        path = config.run_dir / "policy.onnx"
    with one_line_errors():
        if config.private and config.push is None:
            raise UserError("private=True must be left out without --push")
        agent = Agent.load(config.run_dir, device="cpu")
        try:
            if path is not None:
                export(agent, path)
            if config.card:
                print(f"to read: {write_card(config.run_dir, config.push)}")
            if config.push is not None:
                url = push_to_hub(config.run_dir, config.push, private=config.private or None)
                print(f"shared at {url}")
        except ModuleNotFoundError as error:
            fail(str(error))


def export(agent: Agent, path: Path) -> None:
    """Write a file, in the format that its name asks for.

    :raises UserError: if it cannot be written there, or there is no such format
    """
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(f"path={str(path)!r} must be a file in a folder that exists")
    if path.suffix not in FORMATS:
        raise UserError(f"path={str(path)!r} must end in {' or '.join(FORMATS)}")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision
    FORMATS[path.suffix](agent, path)
    print(f"exported to {path}; to run it see docs/export.md")


if __name__ == "__main__":
    main()
