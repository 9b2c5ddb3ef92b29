"""A policy as an ONNX file, its memory an input and an output: what runs where torch does not."""

import importlib.util
import json
import warnings
from pathlib import Path

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from .agent import Agent
from .exported_step import ExportedStep
from .policies import MlpRnnPolicy
from .whole_file import whole_file

NEEDED = ("onnx", "onnxscript")  # what torch.onnx.export imports


def export_onnx(source: Agent | MlpRnnPolicy | BaseAlgorithm, path: str | Path) -> None:
    """Write one greedy step of a policy as an ONNX graph, whole or not at all.

    The caller carries the memory: N episodes are N rows, and a row of zeros starts a new one. With
    L layers of width H, observations of shape I and actions of shape A:

    - inputs ``observation`` [N, I], ``h`` and ``c`` [L, N, H]; a ``Dict`` observation is one input
      ``observation.KEY`` for each of its keys
    - outputs ``action`` [N, A], which is what :meth:`~warmrl.agents.Agent.act` returns; ``logits``
      [N, sum of choices] unless the actions are a ``Box``; ``next_h`` and ``next_c`` [L, N, H]

    The signature is the same for every cell: where there is no cell state, ``c`` is passed through.
    The two spaces are in the file's metadata, as in ``config.json``.

    :param source: an agent, or what makes one
    :param path: the file
    :raises ModuleNotFoundError: without the packages of the extra ``onnx``
    :raises TypeError: if the source has no recurrent policy of this package
    :raises ValueError: if it has parts that JSON cannot describe, see :meth:`Agent.describe`
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f"ONNX export needs {' and '.join(missing)}; install them: pip install 'warmrl[onnx]'"
        )
    agent = source if isinstance(source, Agent) else Agent(source)
    described = agent.describe()
    step = ExportedStep(agent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter deprecates itself
        program = torch.onnx.export(
            step,
            step.blank,
            dynamo=True,
            verbose=False,
            input_names=step.input_names,
            output_names=step.output_names,
            dynamic_shapes=step.dynamic_shapes,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # paths of the machine that exported
    for name in ("observation_space", "action_space"):
        model.metadata_props.add(key=name, value=json.dumps(described[name]))
    with whole_file(Path(path)) as partial:
        partial.write_bytes(model.SerializeToString())
