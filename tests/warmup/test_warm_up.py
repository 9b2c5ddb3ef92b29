"""Warm-up: what it changes, what it leaves alone, and that it is deterministic."""

import copy
import math
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from torch import Tensor, nn

from warmrl.warmup import (
    Trajectories,
    WarmupConfig,
    WarmupResult,
    procedure,
    random_rollouts,
    warm_up,
)

SHORT = WarmupConfig(n_steps=3, batch_size=8, vaa_states=10, vaa_steps=5)


def noise(width: int = 5, n: int = 12, seed: int = 0) -> Trajectories:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 9, (n,), generator=generator)
    return Trajectories(torch.randn(8, n, width, generator=generator), lengths)


def seeded(module: type[nn.RNNBase], *args: Any, **kwargs: Any) -> nn.RNNBase:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return module(*args, **kwargs)


class Sights(gymnasium.Env[Any, Any]):
    """Noise of several kinds, for random lengths of time."""

    observation_space = spaces.Dict(
        {
            "image": spaces.Box(0, 255, (1, 36, 36), np.uint8),
            "number": spaces.Discrete(5),
            "vector": spaces.Box(-1, 1, (3,)),
        }
    )
    action_space = spaces.Discrete(2)

    def observe(self) -> dict[str, Any]:
        return {
            "image": self.np_random.integers(256, size=(1, 36, 36), dtype=np.uint8),
            "number": self.np_random.integers(5),
            "vector": self.np_random.uniform(-1, 1, 3).astype(np.float32),
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        return self.observe(), {}

    def step(self, action: int) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        return self.observe(), 0.0, bool(self.np_random.random() < 0.2), False, {}


def model(env: Any, policy: str, **policy_kwargs: Any) -> Any:
    return RecurrentPPO(
        policy, env, n_steps=16, batch_size=16, n_epochs=1, seed=0, device="cpu",
        policy_kwargs={"lstm_hidden_size": 8, **policy_kwargs},
    )  # fmt: skip


def changed(module: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {k for k, v in module.state_dict().items() if not torch.equal(v, before[k])}


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(module.state_dict())


@pytest.mark.parametrize(
    "rnn",
    [
        seeded(nn.GRU, 5, 8),
        seeded(nn.LSTM, 5, 8, num_layers=2, batch_first=True, dropout=0.5),
        seeded(nn.RNN, 5, 8, num_layers=3, bias=False, nonlinearity="relu"),
    ],
)
def test_torch_networks(rnn: nn.RNNBase) -> None:
    rnn = copy.deepcopy(rnn).eval()
    identities = [id(p) for p in rnn.parameters()]
    before = snapshot(rnn)
    result = warm_up(rnn, noise(), SHORT)
    assert changed(rnn, before) == set(before)
    assert [id(p) for p in rnn.parameters()] == identities
    assert not rnn.training
    assert list(result.vaa_before) == [f"rnn.{depth}" for depth in range(rnn.num_layers)]
    assert list(result.vaa_after) == list(result.vaa_before)
    assert result.n_steps == len(result.vaa_star) == len(result.loss) == 3
    values = [*result.vaa_star, *result.vaa_before.values(), *result.vaa_after.values()]
    assert all(0 < v <= 1 + 1e-6 for v in values)


@pytest.mark.parametrize(
    ("policy_kwargs", "networks"),
    [
        ({}, {"lstm_actor", "lstm_critic"}),
        ({"n_lstm_layers": 2}, {"lstm_actor", "lstm_critic"}),
        ({"enable_critic_lstm": False}, {"lstm_actor"}),
        ({"enable_critic_lstm": False, "shared_lstm": True}, {"lstm_actor"}),
        ({"share_features_extractor": False}, {"lstm_actor", "lstm_critic"}),
    ],
)
def test_sb3_policies_change_in_their_recurrent_parameters_only(
    policy_kwargs: dict[str, Any], networks: set[str]
) -> None:
    agent = model("CartPole-v1", "MlpLstmPolicy", **policy_kwargs)
    agent.learn(16)
    optimiser = copy.deepcopy(agent.policy.optimizer.state_dict())
    gradients = [None if p.grad is None else p.grad.clone() for p in agent.policy.parameters()]
    agent.policy.train()
    agent.policy.mlp_extractor.eval()
    modes = [m.training for m in agent.policy.modules()]
    random_state = torch.get_rng_state()
    before = snapshot(agent.policy)

    result = warm_up(agent, random_rollouts(gymnasium.make("CartPole-v1"), 6, seed=0), SHORT)

    assert changed(agent.policy, before) == {k for k in before if k.split(".")[0] in networks}
    assert {name.split(".")[0] for name in result.vaa_after} == networks
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [m.training for m in agent.policy.modules()] == modes
    for p, gradient in zip(agent.policy.parameters(), gradients, strict=True):
        assert (p.grad is None) == (gradient is None)
        assert gradient is None or torch.equal(p.grad, gradient)
    after = agent.policy.optimizer.state_dict()
    assert after["param_groups"] == optimiser["param_groups"]
    for key, state in optimiser["state"].items():
        assert all(torch.equal(after["state"][key][k], v) for k, v in state.items())
    agent.learn(16)


def test_dict_observations_of_a_policy() -> None:
    agent = model(Sights(), "MultiInputLstmPolicy")
    before = snapshot(agent.policy)
    warm_up(agent.policy, random_rollouts(agent.get_env(), 6, seed=0), SHORT)
    recurrent = {k for k in before if k.startswith("lstm_")}
    assert changed(agent.policy, before) == recurrent


def test_the_policy_gives_its_features() -> None:
    agent = model("CartPole-v1", "MlpLstmPolicy", enable_critic_lstm=False)
    rnn = copy.deepcopy(agent.policy.lstm_actor)
    trajectories = random_rollouts(gymnasium.make("CartPole-v1"), 6, seed=0)
    assert warm_up(agent, trajectories, SHORT).loss == warm_up(rnn, trajectories, SHORT).loss
    assert changed(rnn, agent.policy.lstm_actor.state_dict()) == set()


class Double(nn.Module):
    """A double layer of two GRUs, with the contract of an LSTM."""

    cell_state = False

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.warm = Half(input_size, hidden_size // 2)
        self.cold = Half(input_size, hidden_size // 2)

    def forward(self, x: Any, state: Any = None) -> Any:
        assert state is None, "only the warm half is driven"
        (a, (h1, _)), (b, (h2, _)) = self.warm(x), self.cold(x)
        h = torch.cat((h1, h2), -1)
        out = a._replace(data=torch.cat((a.data, b.data), -1))
        return out, (h, torch.zeros_like(h))


class Half(nn.Module):
    cell_state = False

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.gru = nn.GRU(input_size, hidden_size)

    def forward(self, x: Any, state: Any = None) -> Any:
        out, h = self.gru(x, None if state is None else state[0])
        return out, (h, torch.zeros_like(h))


class Stack(nn.Module):
    def __init__(self, layer: type[Double] | type[Half]) -> None:
        super().__init__()
        self.layers = nn.ModuleList([layer(5, 8), layer(8, 8)])


def test_only_the_first_half_of_double_layers_is_warmed_up() -> None:
    stack = Stack(Double)
    before = snapshot(stack)
    result = warm_up(stack, noise(), SHORT)
    assert changed(stack, before) == {k for k in before if ".warm." in k}
    assert list(result.vaa_after) == ["rnn.0", "rnn.1"]


def test_layers_without_halves_are_warmed_up_whole() -> None:
    stack = Stack(Half)
    before = snapshot(stack)
    warm_up(stack, noise(), SHORT)
    assert changed(stack, before) == set(before)


@pytest.mark.parametrize("drive", ["frame", "rollout", "gaussian"])
def test_same_seed_same_bits(drive: str) -> None:
    def run(seed: int) -> tuple[Any, Tensor]:
        rnn = seeded(nn.LSTM, 5, 8, num_layers=2)
        config = WarmupConfig(
            drive=drive, n_steps=4, batch_size=8, vaa_states=10, vaa_steps=5, seed=seed
        )
        return warm_up(rnn, noise(), config), nn.utils.parameters_to_vector(rnn.parameters())

    first, weights = run(0)
    torch.manual_seed(99)
    again, weights_again = run(0)
    assert first == again
    assert torch.equal(weights, weights_again)
    assert run(1)[0] != first


def test_frozen_parameters_stay() -> None:
    rnn = seeded(nn.GRU, 5, 8)
    rnn.bias_hh_l0.requires_grad_(False)
    before = snapshot(rnn)
    warm_up(rnn, noise(), SHORT)
    assert changed(rnn, before) == {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0"}
    assert not rnn.bias_hh_l0.requires_grad
    with pytest.raises(ValueError, match=r"no parameter of rnn.0 has requires_grad=True"):
        warm_up(rnn.requires_grad_(False), noise(), SHORT)


def test_works_where_gradients_are_switched_off() -> None:
    rnn = seeded(nn.GRU, 5, 8)
    before = snapshot(rnn)
    with torch.no_grad():
        warm_up(rnn, noise(), SHORT)
    assert changed(rnn, before) == set(before)


def test_callback_reports_every_step() -> None:
    calls: list[tuple[int, float]] = []
    result = warm_up(
        seeded(nn.GRU, 5, 8), noise(), SHORT, lambda step, value: calls.append((step, value))
    )
    assert calls == list(enumerate(result.vaa_star, start=1))


def test_an_interruption_restores_everything() -> None:
    def interrupt(step: int, value: float) -> None:
        raise KeyboardInterrupt

    rnn = seeded(nn.GRU, 5, 8)
    before = snapshot(rnn)
    with pytest.raises(KeyboardInterrupt):
        warm_up(rnn, noise(), SHORT, interrupt)
    assert changed(rnn, before) == set()
    assert all(p.grad is None for p in rnn.parameters())


def test_divergence_is_an_error_and_restores_the_parameters() -> None:
    rnn = seeded(nn.RNN, 5, 8, nonlinearity="relu")
    before = snapshot(rnn)
    config = WarmupConfig(n_steps=20, batch_size=8, learning_rate=1e30, vaa_steps=1)
    with pytest.raises(FloatingPointError, match=r"at step [1-9]\d*; learning_rate=1e\+28"):
        warm_up(rnn, noise(), config)
    assert changed(rnn, before) == set()
    assert all(p.grad is None for p in rnn.parameters())


def test_a_warm_up_that_diverges_begins_again_with_smaller_steps() -> None:
    """As if it had been told so: nothing is left of the first attempt."""
    runs = []
    for learning_rate in (100.0, 10.0):
        rnn = seeded(nn.RNN, 5, 8, nonlinearity="relu")
        config = WarmupConfig(n_steps=20, batch_size=8, learning_rate=learning_rate, vaa_steps=1)
        runs.append((warm_up(rnn, noise(), config), list(rnn.parameters())))
    (restarted, weights), (told, wanted) = runs
    assert restarted == told
    assert told.learning_rate == 10.0
    assert len(told.vaa_star) == told.n_steps == 20
    assert all(torch.equal(a, b) for a, b in zip(weights, wanted, strict=True))


def test_a_warm_up_that_loses_what_it_won_begins_again_with_half_the_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if it had been told so, each time; the last attempt counts, whatever comes of it."""

    def warmed(**changes: Any) -> tuple[WarmupResult, list[nn.Parameter]]:
        rnn = seeded(nn.GRU, 5, 8)
        return warm_up(rnn, noise(), replace(SHORT, **changes)), list(rnn.parameters())

    told = warmed(learning_rate=0.0025)
    kept = warmed()
    monkeypatch.setattr(procedure, "was_lost", lambda vaa_curve, vaa_after: True)
    assert warmed(halvings=0)[0] == kept[0]
    restarted = warmed(halvings=2)
    assert restarted[0] == told[0]
    assert told[0].learning_rate == 0.0025
    assert all(torch.equal(a, b) for a, b in zip(restarted[1], told[1], strict=True))


@pytest.mark.parametrize(
    ("vaa_curve", "vaa_after", "lost"),
    [
        ([0.0] * 10 + [0.8] * 10 + [0.3] * 10, 0.1, True),
        ([0.0] * 10 + [0.8] * 10 + [0.3] * 10, 1.0, False),  # lost in short batches only
        ([0.0] * 10 + [0.8] * 20, 0.1, False),  # never lasted as long as VAA asks for
        ([0.0] * 10 + [0.8] * 10 + [0.5] * 10, 0.1, False),
        ([0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.0, False),
        ([0.8, 0.0], 0.0, False),  # too short to tell
    ],
)
def test_when_vaa_is_lost(vaa_curve: list[float], vaa_after: float, lost: bool) -> None:
    assert procedure.was_lost(vaa_curve, vaa_after) is lost


def test_what_is_broken_from_the_start_is_not_tried_again() -> None:
    rnn = seeded(nn.GRU, 5, 8)
    with torch.no_grad():
        next(rnn.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="states holds NaN or infinite values"):
        warm_up(rnn, noise(), SHORT)


def test_one_layer_only_follows_its_loss() -> None:
    result = warm_up(seeded(nn.GRU, 5, 8), noise(), replace(SHORT, settle=0.0))
    for value, loss in zip(result.vaa_star, result.loss, strict=True):
        assert math.isclose(loss, (value - 0.95) ** 2, rel_tol=1e-4, abs_tol=1e-9)


CARTPOLE = model("CartPole-v1", "MlpLstmPolicy", enable_critic_lstm=False)


@pytest.mark.parametrize(
    ("target", "trajectories", "error", "message"),
    [
        (nn.Linear(5, 5), noise(), TypeError, "policy Linear has no recurrent layer"),
        (
            nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True), 1),
            noise(),
            TypeError,
            "policy TransformerEncoder has no recurrent layer",
        ),
        ("model.zip", noise(), TypeError, "policy str has no recurrent layer"),
        (nn.GRU(5, 8, bidirectional=True), noise(), ValueError, "bidirectional=True"),
        (nn.LSTM(5, 8, proj_size=2), noise(), ValueError, "proj_size=2"),
        (nn.GRU(7, 8), noise(5), ValueError, r"shape \(5,\); rnn reads inputs of width 7"),
        (CARTPOLE, noise(5), ValueError, r"shape \(5,\); the policy observes \(4,\)"),
        (
            CARTPOLE,
            Trajectories({"a": torch.zeros(2, 1, 4)}, torch.tensor([2])),
            ValueError,
            r"hold the keys \['a'\]; the policy observes one tensor",
        ),
        (
            nn.GRU(4, 8),
            Trajectories({"a": torch.zeros(2, 1, 4)}, torch.tensor([2])),
            ValueError,
            "a bare GRU reads one tensor",
        ),
        (
            nn.GRU(4, 8),
            Trajectories(torch.zeros(1, 3, 4), torch.tensor([1, 1, 1])),
            ValueError,
            "all 3 trajectories are one and the same input",
        ),
    ],
)
def test_rejects(
    target: Any, trajectories: Trajectories, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        warm_up(target, trajectories, SHORT)
    assert "\n" not in str(caught.value)


def path(config: WarmupConfig) -> list[Tensor]:
    """The weights of a GRU after every step."""
    rnn = seeded(nn.GRU, 5, 4)
    weights: list[Tensor] = []

    def keep(step: int, vaa_star: float) -> None:
        weights.append(torch.cat([p.detach().flatten() for p in rnn.parameters()]))

    warm_up(rnn, noise(), config, keep)
    return weights


@pytest.mark.parametrize("anneal", [True, False])
def test_the_steps_shrink_to_nothing(anneal: bool) -> None:
    weights = path(WarmupConfig(n_steps=10, learning_rate=0.01, anneal=anneal, vaa_steps=1))
    first, last = weights[1] - weights[0], weights[-1] - weights[-2]
    assert (last.abs().max() < 0.3 * first.abs().max()) == anneal


def test_the_decay_of_squared_gradients_counts_from_the_second_step_on() -> None:
    """Adam's first step is the sign of the gradient, whatever its decays (Kingma & Ba 2015)."""
    slow, fast = (path(WarmupConfig(n_steps=3, beta2=b, vaa_steps=1)) for b in (0.999, 0.5))
    torch.testing.assert_close(slow[0], fast[0], rtol=0, atol=1e-6)
    assert (slow[2] - fast[2]).abs().max() > 1e-4
