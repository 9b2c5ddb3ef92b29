"""Exported policies act in onnxruntime as in torch, step after step."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecEnv

from warmrl.agents import CELLS, Agent, MlpRnnPolicy, RecurrentPPO
from warmrl.agents.onnx_export import NEEDED, export_onnx
from warmrl.agents.space_json import space_from_json

MISSING = "needs the extra onnx: pip install 'warmrl[onnx]'"
onnx, _, onnxruntime = (
    pytest.importorskip(package, reason=MISSING) for package in (*NEEDED, "onnxruntime")
)

PolicyFactory: TypeAlias = Callable[..., MlpRnnPolicy]
Observations: TypeAlias = Callable[[str, int, int], list[Any]]
Form: TypeAlias = tuple[str, str, str, dict[str, Any]]  # cell, seen, done, further settings
FAST = ("box", "discrete")  # to look at; of these a thousand are seen
TALL: dict[str, Any] = {"double": True, "n_lstm_layers": 2, "skip": True}
FORMS: list[Form] = [  # every cell, every kind of observation and every kind of action
    ("lstm", "image", "discrete", {}),
    ("gru", "dict", "box", {}),
    ("mgu", "discrete", "box", {"net_arch": [8]}),
    ("nbrc", "box", "box", {"use_sde": True, "squash_output": True}),
    ("brc", "dict", "multidiscrete", {"double": True}),
    ("lstm", "discrete", "multibinary", TALL),
]
FURTHER: list[Form] = [
    *((cell, "box", "discrete", TALL) for cell in CELLS),
    ("gru", "box", "discrete", {"n_lstm_layers": 2, "skip": True}),
]


class Runtime:
    """An exported file, its state carried as a caller carries it."""

    def __init__(self, path: Path, n: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)
        inputs = {part.name: part for part in self.session.get_inputs()}
        layers, _, width = inputs["h"].shape
        self.h = self.c = np.zeros((layers, n, width), np.float32)
        self.names = [part.name for part in self.session.get_outputs()]

    def step(self, observation: Any) -> dict[str, Any]:
        if isinstance(observation, dict):
            seen = {f"observation.{key}": part for key, part in observation.items()}
        else:
            seen = {"observation": observation}
        out = self.session.run(None, {**seen, "h": self.h, "c": self.c})
        named = dict(zip(self.names, out, strict=True))
        self.h, self.c = named["next_h"], named["next_c"]
        return named


@torch.no_grad()
def compare(agent: Agent, path: Path, stream: list[Any], n: int, atol: float = 1e-4) -> None:
    """Both carry a memory of their own; where two actions are as good, either may be taken."""
    runtime = Runtime(path, n)
    state = agent.step.initial_state(n)
    compared = []
    for observation in stream:
        tensor, _ = agent.policy.obs_to_tensor(observation)
        trunk, state = agent.step.advance(agent.step.features(tensor), state)
        wanted, named = agent.act(observation), runtime.step(observation)
        np.testing.assert_allclose(runtime.h, state[0].numpy(), atol=atol)
        np.testing.assert_allclose(runtime.c, state[1].numpy(), atol=atol)
        assert named["action"].dtype == wanted.dtype
        assert named["action"].shape == wanted.shape
        if "logits" in named:
            scores = agent.step.scores(trunk).numpy()
            np.testing.assert_allclose(named["logits"], scores, atol=10 * atol)
            clear = np.sort(scores)[:, -1] - np.sort(scores)[:, -2] > 100 * atol
            np.testing.assert_array_equal(named["action"][clear], wanted[clear])
            compared.append(clear)
        else:
            np.testing.assert_allclose(named["action"], wanted, atol=10 * atol)
            compared.append(np.ones(n, dtype=bool))
    assert np.mean(compared) > 0.8


@pytest.mark.parametrize(
    "form", [*FORMS, *(pytest.param(form, marks=pytest.mark.slow) for form in FURTHER)]
)
def test_every_cell_and_space(
    make_policy: PolicyFactory, observations: Observations, tmp_path: Path, form: Form
) -> None:
    cell, seen, done, options = form
    agent = Agent(make_policy(seen, done, cell=cell, **options))
    export_onnx(agent, tmp_path / "policy.onnx")
    for n, n_steps in ((3, 1000 if seen in FAST else 50), (1, 5), (17, 5)):
        agent.reset()
        compare(agent, tmp_path / "policy.onnx", observations(seen, n, n_steps), n)


def test_a_trained_model_and_what_its_file_says(
    random_vec_env: Callable[..., VecEnv], tmp_path: Path
) -> None:
    model = RecurrentPPO("MlpRnnPolicy", random_vec_env(), n_steps=4, seed=0, device="cpu")
    before = torch.get_rng_state()
    texts = []
    for name in ("first.onnx", "second.onnx"):
        export_onnx(model, tmp_path / name)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    assert torch.equal(torch.get_rng_state(), before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.onnx", "second.onnx"]
    graph = onnx.load(tmp_path / "first.onnx")
    onnx.checker.check_model(graph, full_check=True)
    said = {prop.key: prop.value for prop in graph.metadata_props}
    for name in ("observation_space", "action_space"):
        assert space_from_json(json.loads(said[name])) == getattr(model, name)
    assert str(Path(torch.__file__).parent).encode() not in texts[0]
    session = onnxruntime.InferenceSession(texts[0])
    shapes = {part.name: part.shape for part in session.get_inputs() + session.get_outputs()}
    assert shapes == {
        "observation": ["n", 3],
        "h": [1, "n", 64],
        "c": [1, "n", 64],
        "action": ["n"],
        "logits": ["n", 3],
        "next_h": [1, "n", 64],
        "next_c": [1, "n", 64],
    }
