"""Whatever Stable-Baselines3 does with a recurrent model works, in our class and in upstream's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import sb3_contrib
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    EveryNTimesteps,
    StopTrainingOnMaxEpisodes,
)
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv, VecNormalize, VecTransposeImage

from warmrl.agents import CELLS, CnnRnnPolicy, MlpRnnPolicy, MultiInputRnnPolicy, RecurrentPPO

VecEnvFactory: TypeAlias = Callable[..., VecEnv]

BOX = spaces.Box(-1.0, 1.0, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (36, 36, 1), np.uint8)
SEEN: dict[str, tuple[spaces.Space[Any], Any, dict[str, Any]]] = {
    "box": (BOX, MlpRnnPolicy, {}),
    "discrete": (spaces.Discrete(4), MlpRnnPolicy, {}),
    "image": (IMAGE, CnnRnnPolicy, {"features_extractor_kwargs": {"features_dim": 6}}),
    "dict": (
        spaces.Dict({"box": BOX, "image": IMAGE, "number": spaces.Discrete(3)}),
        MultiInputRnnPolicy,
        {"features_extractor_kwargs": {"cnn_output_dim": 6}},
    ),
}
DONE: dict[str, tuple[spaces.Space[Any], dict[str, Any]]] = {
    "discrete": (spaces.Discrete(3), {}),
    "box": (spaces.Box(-0.5, 2.0, (2,), np.float32), {}),
    "gsde": (spaces.Box(-0.5, 2.0, (2,), np.float32), {"use_sde": True, "sde_sample_freq": 3}),
    "multidiscrete": (spaces.MultiDiscrete([3, 4]), {}),
    "multibinary": (spaces.MultiBinary(3), {}),
}
ALGORITHMS: dict[str, Any] = {"ours": RecurrentPPO, "upstream": sb3_contrib.RecurrentPPO}
either = pytest.mark.parametrize("algorithm", ALGORITHMS)


def weights_of(model: Any) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach().clone()


def make(algorithm: str, env: VecEnv, policy: Any = MlpRnnPolicy, **kwargs: Any) -> Any:
    settings: dict[str, Any] = {
        "n_steps": 8,
        "n_epochs": 1,
        "batch_size": 8,
        "seed": 0,
        "device": "cpu",
        "policy_kwargs": {"lstm_hidden_size": 6},
    }
    return ALGORITHMS[algorithm](policy, env, **(settings | kwargs))


def played(model: Any, env: VecEnv, steps: int = 12) -> list[Any]:
    """Greedy actions along episodes."""
    env.seed(7)
    obs, state, starts = env.reset(), None, np.ones(env.num_envs, bool)
    actions = []
    for _ in range(steps):
        action, state = model.predict(obs, state, starts, deterministic=True)
        obs, _, starts, _ = env.step(action)
        actions.append(action.tolist())
    return actions


def channels_first(env: VecEnv) -> VecEnv:
    """What a model does to its environments by itself."""
    pictures = isinstance(env.observation_space, spaces.Dict) or env.observation_space == IMAGE
    return VecTransposeImage(env) if pictures else env


@either
@pytest.mark.parametrize(
    ("seen", "done"),
    [*((seen, "discrete") for seen in SEEN), *(("box", done) for done in DONE), ("dict", "gsde")],
)
def test_every_space_learns_saves_and_loads(
    algorithm: str, seen: str, done: str, random_vec_env: VecEnvFactory, tmp_path: Path
) -> None:
    (observations, policy, policy_kwargs), (actions, kwargs) = SEEN[seen], DONE[done]

    def env() -> VecEnv:
        return channels_first(random_vec_env(observations, actions))

    policy_kwargs = {"lstm_hidden_size": 6} | policy_kwargs
    model = make(algorithm, env(), policy, policy_kwargs=policy_kwargs, **kwargs)
    before = weights_of(model)
    model.learn(32)
    assert not torch.equal(weights_of(model), before)
    assert weights_of(model).isfinite().all()
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", env=env(), device="cpu")
    assert torch.equal(weights_of(loaded), weights_of(model))
    assert played(loaded, env()) == played(model, env())
    loaded.learn(16, reset_num_timesteps=False)
    assert loaded.num_timesteps == 48


@either
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("double", [False, True])
def test_every_cell_is_saved_loaded_and_trained_further(
    algorithm: str, cell: str, double: bool, random_vec_env: VecEnvFactory, tmp_path: Path
) -> None:
    kwargs = {"cell": cell, "double": double, "lstm_hidden_size": 7, "n_lstm_layers": 2}
    model = make(algorithm, random_vec_env(), policy_kwargs=kwargs).learn(32)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", device="cpu")
    assert torch.equal(weights_of(loaded), weights_of(model))
    assert played(loaded, random_vec_env()) == played(model, random_vec_env())
    ours, theirs = (m.policy.optimizer.state_dict()["state"] for m in (loaded, model))
    assert all(torch.equal(ours[i]["exp_avg"], theirs[i]["exp_avg"]) for i in theirs)
    loaded.set_env(random_vec_env())
    loaded.learn(16, reset_num_timesteps=False)
    assert not torch.equal(weights_of(loaded), weights_of(model))


@either
@pytest.mark.parametrize("policy", ["MlpLstmPolicy", "CnnLstmPolicy", "MultiInputLstmPolicy"])
def test_upstreams_policies_work(
    algorithm: str, policy: str, random_vec_env: VecEnvFactory, tmp_path: Path
) -> None:
    seen = {"Mlp": "box", "Cnn": "image", "Mul": "dict"}[policy[:3]]
    observations, _, kwargs = SEEN[seen]
    env = random_vec_env(observations)
    model = make(algorithm, env, policy, policy_kwargs={"lstm_hidden_size": 6} | kwargs)
    model.learn(32).save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model", device="cpu")
    first, second = (channels_first(random_vec_env(observations)) for _ in range(2))
    assert played(loaded, first) == played(model, second)


@pytest.mark.parametrize("name", ["MlpRnnPolicy", "CnnRnnPolicy", "MultiInputRnnPolicy"])
def test_policies_have_names(name: str, random_vec_env: VecEnvFactory) -> None:
    seen = {"Mlp": "box", "Cnn": "image", "Mul": "dict"}[name[:3]]
    model = make("ours", random_vec_env(SEEN[seen][0]), name, policy_kwargs={})
    assert type(model.policy).__name__ == name


@either
def test_another_number_of_environments_after_loading(
    algorithm: str, random_vec_env: VecEnvFactory, tmp_path: Path
) -> None:
    make(algorithm, random_vec_env(n_envs=2)).learn(16).save(tmp_path / "model")
    path = tmp_path / "model"
    loaded = ALGORITHMS[algorithm].load(path, env=random_vec_env(n_envs=5), device="cpu")
    assert loaded.n_envs == 5
    loaded.learn(40)
    assert loaded.num_timesteps == 40
    assert loaded._last_lstm_states.pi[0].shape[1] == 5


@either
def test_environments_can_be_exchanged(algorithm: str, random_vec_env: VecEnvFactory) -> None:
    model = make(algorithm, random_vec_env()).learn(16)
    model.set_env(random_vec_env(length=3))
    model.learn(16, reset_num_timesteps=False)
    assert model.num_timesteps == 32
    with pytest.raises(AssertionError, match="number of environments"):
        model.set_env(random_vec_env(n_envs=3))


class Recorder(BaseCallback):
    """What Stable-Baselines3's callbacks read of a step."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.stop_at = stop_at
        self.calls: list[str] = []
        self.steps: list[dict[str, Any]] = []

    def _on_training_start(self) -> None:
        self.calls.append("training_start")

    def _on_rollout_start(self) -> None:
        self.calls.append("rollout_start")

    def _on_step(self) -> bool:
        self.calls.append("step")
        names = ("infos", "dones", "rewards", "new_obs", "actions", "values", "log_probs")
        self.steps.append({name: self.locals[name] for name in names})
        assert self.locals["self"] is self.model
        assert self.locals["env"] is self.training_env
        assert self.locals["n_rollout_steps"] == 8
        return self.stop_at is None or self.n_calls < self.stop_at

    def _on_rollout_end(self) -> None:
        self.calls.append("rollout_end")

    def _on_training_end(self) -> None:
        self.calls.append("training_end")


def test_callbacks_see_what_upstreams_do(random_vec_env: VecEnvFactory) -> None:
    ours, theirs = Recorder(), Recorder()
    for name, recorder in (("ours", ours), ("upstream", theirs)):
        make(name, random_vec_env(), learning_rate=0.0).learn(32, callback=recorder)
    assert ours.calls == theirs.calls
    rollout = ["rollout_start", *["step"] * 8, "rollout_end"]
    assert ours.calls == ["training_start", *rollout * 2, "training_end"]
    for mine, other in zip(ours.steps, theirs.steps, strict=True):
        np.testing.assert_array_equal(mine["dones"], other["dones"])
        np.testing.assert_array_equal(mine["new_obs"], other["new_obs"])
        np.testing.assert_allclose(mine["values"], other["values"], atol=1e-6)
        np.testing.assert_array_equal(np.ravel(mine["actions"]), np.ravel(other["actions"]))
        for a, b in zip(mine["infos"], other["infos"], strict=True):
            assert a.keys() == b.keys()


@either
def test_a_callback_stops_the_training(algorithm: str, random_vec_env: VecEnvFactory) -> None:
    recorder = Recorder(stop_at=11)
    model = make(algorithm, random_vec_env()).learn(1000, callback=recorder)
    assert len(recorder.steps) == 11
    assert model.num_timesteps == 22
    assert recorder.calls[-2:] == ["step", "training_end"]
    model.learn(16)
    assert model.num_timesteps == 16


@either
def test_usual_callbacks(algorithm: str, random_vec_env: VecEnvFactory, tmp_path: Path) -> None:
    every = Recorder()
    evaluation = EvalCallback(
        random_vec_env(),
        n_eval_episodes=2,
        eval_freq=8,
        best_model_save_path=str(tmp_path / "best"),
        log_path=str(tmp_path),
        verbose=0,
    )
    callbacks = CallbackList(
        [
            CheckpointCallback(8, str(tmp_path / "checkpoints")),
            evaluation,
            EveryNTimesteps(8, every),
            StopTrainingOnMaxEpisodes(max_episodes=3),
        ]
    )
    model = make(algorithm, random_vec_env(length=6))
    model.learn(1000, callback=callbacks)
    assert 32 <= model.num_timesteps < 100  # three episodes of six and of seven steps in each
    assert len(list((tmp_path / "checkpoints").iterdir())) == model.num_timesteps // 16
    assert len(evaluation.evaluations_results) == model.num_timesteps // 16
    best = ALGORITHMS[algorithm].load(tmp_path / "best" / "best_model.zip", device="cpu")
    assert type(best.policy) is MlpRnnPolicy


@either
def test_normalised_environments(algorithm: str, random_vec_env: VecEnvFactory) -> None:
    env = VecNormalize(random_vec_env())
    model = make(algorithm, env).learn(48)
    assert model.get_vec_normalize_env() is env
    assert weights_of(model).isfinite().all()
    mean, _ = evaluate_policy(model, env, n_eval_episodes=3, warn=False)
    assert np.isfinite(mean)


@either
def test_statistics_of_episodes_are_logged(algorithm: str, random_vec_env: VecEnvFactory) -> None:
    model = make(algorithm, random_vec_env()).learn(48)
    assert {info["l"] for info in model.ep_info_buffer} == {5, 6}
    assert len(model.ep_info_buffer) == 24 // 5 + 24 // 6
    assert np.isfinite(model.logger.name_to_value["train/explained_variance"])
