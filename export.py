"""Export a run's policy, its memory an input and an output: as ONNX or a program of torch."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from warmrl.agents import Agent
from warmrl.agents.onnx_export import export_onnx
from warmrl.agents.program_export import export_program
from warmrl.command_line import UserError, fail, one_line_errors, parse

FORMATS: dict[str, Callable[[Agent, Path], None]] = {".onnx": export_onnx, ".pt2": export_program}
"""how a file is written, by how its name ends"""


@dataclass
class ExportConfig:
    """Export a trained policy as a file, with its memory as an input and an output.

    - ONNX, or a program of torch.export; how to run them: docs/export.md. Examples:
      python export.py runs/tmaze policy.onnx
      python export.py runs/tmaze policy.pt2
    """

    run_dir: tyro.conf.Positional[Path]
    """Run folder, as train.py leaves it: config.json and policy.safetensors."""
    path: tyro.conf.Positional[Path | None] = None
    """The file (policy.onnx in the run folder), FILE.onnx or FILE.pt2; one that is there is
    replaced."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the script.

    :param args: the command line; that of the process if absent
    """
    config = parse(ExportConfig, args, script="export")
    path = config.path or config.run_dir / "policy.onnx"
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision
    with one_line_errors():
        agent = Agent.load(config.run_dir, device="cpu")
        if path.is_dir() or not path.parent.is_dir():
            raise UserError(f"path={str(path)!r} must be a file in a folder that exists")
        if path.suffix not in FORMATS:
            raise UserError(f"path={str(path)!r} must end in {' or '.join(FORMATS)}")
        try:
            FORMATS[path.suffix](agent, path)
        except ModuleNotFoundError as error:
            fail(str(error))
    print(f"exported to {path}; to run it see docs/export.md")


if __name__ == "__main__":
    main()
