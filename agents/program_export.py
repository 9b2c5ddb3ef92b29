"""A policy as a program of ``torch.export``: what runs where torch is, without this library."""

import io
import json
from pathlib import Path

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from .agent import Agent
from .exported_step import ExportedStep
from .policies import MlpRnnPolicy
from .whole_file import whole_file

SPACES_FILE = "spaces.json"


def export_program(source: Agent | MlpRnnPolicy | BaseAlgorithm, path: str | Path) -> None:
    """Write one greedy step of a policy as an ``ExportedProgram``, whole or not at all.

    The signature is that of :func:`~warmrl.agents.onnx_export.export_onnx`, by position:
    ``(observation, h, c) -> (action, logits, next_h, next_c)``, without logits if the actions are a
    ``Box``; a ``Dict`` observation is a mapping. The two spaces are in its extra file
    ``spaces.json``, as in ``config.json``.

    :param source: an agent, or what makes one
    :param path: the file, which ``torch.export.load`` reads
    :raises TypeError: if the source has no recurrent policy of this package
    :raises ValueError: if it has parts that JSON cannot describe, see :meth:`Agent.describe`
    """
    agent = source if isinstance(source, Agent) else Agent(source)
    described = agent.describe()
    spaces = {name: described[name] for name in ("observation_space", "action_space")}
    step = ExportedStep(agent)
    with torch.no_grad():
        program = torch.export.export(step, step.blank, dynamic_shapes=step.dynamic_shapes)
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of the machine that exported
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={SPACES_FILE: json.dumps(spaces)})
    with whole_file(Path(path)) as partial:
        partial.write_bytes(file.getvalue())
