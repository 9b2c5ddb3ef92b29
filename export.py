"""Export a run's policy as an ONNX file, whose memory is an input and an output."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from warmrl.agents import Agent
from warmrl.agents.onnx_export import export_onnx
from warmrl.command_line import UserError, fail, one_line_errors, parse


@dataclass
class ExportConfig:
    """Export a trained policy as an ONNX file, with its memory as an input and an output.

    How to run the file: docs/export.md. For example:
    python export.py runs/tmaze policy.onnx
    """

    run_dir: tyro.conf.Positional[Path]
    """Run folder, as train.py leaves it: config.json and policy.safetensors."""
    path: tyro.conf.Positional[Path | None] = None
    """The file (policy.onnx in the run folder); one that is there is replaced."""


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
        try:
            export_onnx(agent, path)
        except ModuleNotFoundError as error:
            fail(str(error))
    print(f"exported to {path}; to run it see docs/export.md")


if __name__ == "__main__":
    main()
