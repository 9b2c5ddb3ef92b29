"""What users change of a policy: its methods, its modules, hooks on them, its distribution.

Each changes numbers, so that whoever passes it by is seen.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias
from unittest.mock import patch

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils import parametrizations, parametrize, prune

from warmrl.agents import MlpRnnPolicy

Call: TypeAlias = Callable[..., Any]


def _forward(call: Call, *args: Any, **kwargs: Any) -> Any:
    actions, values, log_probs, states = call(*args, **kwargs)
    return actions, values + 0.25, log_probs - 0.125, states


def _evaluate_actions(call: Call, *args: Any, **kwargs: Any) -> Any:
    values, log_probs, entropy = call(*args, **kwargs)
    return values * 1.5, log_probs - 0.05, None if entropy is None else 2 * entropy


def _predict_values(call: Call, *args: Any, **kwargs: Any) -> Any:
    return call(*args, **kwargs) + 0.5


def _extract_features(call: Call, *args: Any, **kwargs: Any) -> Any:
    features = call(*args, **kwargs)
    return tuple(0.5 * f for f in features) if isinstance(features, tuple) else 0.5 * features


def _process_sequence(call: Call, *args: Any, **kwargs: Any) -> Any:
    out, states = call(*args, **kwargs)
    return 0.75 * out, states


def _get_action_dist_from_latent(call: Call, latent: Any, *args: Any, **kwargs: Any) -> Any:
    return call(0.5 * latent, *args, **kwargs)


def _get_distribution(call: Call, obs: Any, lstm_states: Any, *args: Any, **kwargs: Any) -> Any:
    return call(obs, tuple(0.5 * s for s in lstm_states), *args, **kwargs)


def _predict(call: Call, observation: Any, *args: Any, **kwargs: Any) -> Any:
    actions, states = call(observation, *args, **kwargs)
    return actions, tuple(0.5 * s for s in states)


def _obs_to_tensor(call: Call, observation: Any, *args: Any, **kwargs: Any) -> Any:
    def scaled(part: Any) -> Any:
        return 0.5 * part if part.is_floating_point() else part

    tensor, batched = call(observation, *args, **kwargs)
    if isinstance(tensor, dict):
        return {key: scaled(part) for key, part in tensor.items()}, batched
    return scaled(tensor), batched


METHODS: dict[str, Call] = {
    "forward": _forward,
    "evaluate_actions": _evaluate_actions,
    "predict_values": _predict_values,
    "extract_features": _extract_features,
    "_process_sequence": _process_sequence,
    "_get_action_dist_from_latent": _get_action_dist_from_latent,
    "get_distribution": _get_distribution,
    "_predict": _predict,
    "predict": _predict,
    "obs_to_tensor": _obs_to_tensor,
}


def subclass(method: str, policy_class: type) -> type:
    """A policy class of a user's own, with one method overridden."""
    change, inherited = METHODS[method], getattr(policy_class, method)
    own: Any
    if method == "_process_sequence":
        own = staticmethod(partial(change, inherited))
    else:

        def own(self: Any, *args: Any, **kwargs: Any) -> Any:
            return change(partial(inherited, self), *args, **kwargs)

    return type("Own", (policy_class,), {method: own})


class Layers(nn.Module):
    """What stands between trunk and heads, a user's own."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.latent_dim_pi, self.latent_dim_vf = 5, 4
        self.pi, self.vf = nn.Linear(features, 5), nn.Linear(features, 4)

    def forward_actor(self, features: Any) -> Any:
        return torch.sin(self.pi(features))

    def forward_critic(self, features: Any) -> Any:
        return torch.cos(self.vf(features))


def _with_layers(policy_class: type) -> type:
    """A policy class that builds its own layers, as SB3's guide shows."""

    class Own(policy_class):  # type: ignore[misc]
        def _build_mlp_extractor(self) -> None:
            super()._build_mlp_extractor()
            self.mlp_extractor = Layers(self.lstm_output_dim)

    return Own


def halved_extractor(extractor: type) -> type:
    """A user's class of feature extractors."""

    class Own(extractor):  # type: ignore[misc]
        def forward(self, observations: Any) -> Any:
            return 0.5 * super().forward(observations)

    return Own


def _halve(call: Call, *args: Any, **kwargs: Any) -> Any:
    out = call(*args, **kwargs)
    return (0.5 * out[0], *out[1:]) if isinstance(out, tuple) else 0.5 * out


def _entries(module: nn.Module) -> tuple[str, ...]:
    """The methods by which a policy calls a module."""
    return ("forward_actor", "forward_critic") if hasattr(module, "forward_actor") else ("forward",)


def _own_class(module: nn.Module) -> None:
    inherited = type(module)

    def method(name: str) -> Call:
        return lambda self, *args: _halve(partial(getattr(inherited, name), self), *args)

    module.__class__ = type("Own", (inherited,), {n: method(n) for n in _entries(module)})


def _patch(module: nn.Module) -> None:
    for name in _entries(module):
        setattr(module, name, partial(_halve, getattr(module, name)))


def _hook_after(module: nn.Module) -> None:
    module.register_forward_hook(lambda _, __, out: _halve(lambda: out))


def _hook_before(module: nn.Module) -> None:
    module.register_forward_pre_hook(lambda _, args: (0.5 * args[0], *args[1:]))


def _hook_backward(module: nn.Module) -> None:
    def halve(module: nn.Module, grads: Any, _: Any) -> Any:
        return tuple(None if grad is None else 0.5 * grad for grad in grads)

    module.register_full_backward_hook(halve)


WAYS: dict[str, Callable[[nn.Module], None]] = {
    "of its own class": _own_class,
    "patched": _patch,
    "with a forward hook": _hook_after,
    "with a forward pre-hook": _hook_before,
    "with a backward hook": _hook_backward,
}
MODULES = ("action_net", "value_net", "mlp_extractor", "features_extractor", "lstm_actor")


def _sequential(name: str, policy: Any) -> None:
    setattr(policy, name, nn.Sequential(getattr(policy, name), nn.Tanh()))


def _own_extractor(policy: Any) -> None:
    """Another feature extractor in the place of the actor's, as pretrained ones are put there."""

    class Halved(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, obs: Any) -> Any:
            return 0.5 * self.inner(obs)

    shared = policy.share_features_extractor
    policy.features_extractor = policy.pi_features_extractor = Halved(policy.features_extractor)
    if shared:
        policy.vf_features_extractor = policy.features_extractor


def _torch_lstm(policy: Any) -> None:
    """A recurrent network of torch's in the place of the actor's."""
    layers, _, width = policy.lstm_hidden_state_shape
    policy.lstm_actor = nn.LSTM(policy.features_dim, width, layers)


def _hooks_inside(policy: Any) -> None:
    """Forward hooks on the layers between trunk and heads."""
    for module in policy.mlp_extractor.modules():
        if isinstance(module, nn.Linear):
            _hook_after(module)


def _frozen(name: str, policy: Any) -> None:
    getattr(policy, name).requires_grad_(False)


def _gradient_hooks(policy: Any) -> None:
    for parameter in policy.action_net.parameters():
        parameter.register_hook(lambda grad: 0.5 * grad)


def _without_bias(name: str, policy: Any) -> None:
    getattr(policy, name).register_parameter("bias", None)


def _own_distribution(method: str, policy: Any) -> None:
    inherited = type(policy.action_dist)

    def own(self: Any, *args: Any) -> Any:
        if method == "sample":
            return self.mode()
        if method == "mode":
            halved = torch.distributions.Categorical
            inner = self.distribution
            return inner.probs.argmin(-1) if isinstance(inner, halved) else inherited.mode(self)
        result = getattr(inherited, method)(self, *args)
        return None if result is None else 0.5 * result

    policy.action_dist.__class__ = type("Own", (inherited,), {method: own})


def _weight_norm(policy: Any) -> None:
    parametrizations.weight_norm(policy.action_net)


def _parametrized(policy: Any) -> None:
    """Every recurrent weight of the actor is twice what is learned."""

    class Doubled(nn.Module):
        def forward(self, weight: Any) -> Any:
            return 2 * weight

    for module in list(policy.lstm_actor.modules()):
        for name in [name for name, _ in module.named_parameters(recurse=False)]:
            parametrize.register_parametrization(module, name, Doubled())


def _recurrent_gradient_hooks(policy: Any) -> None:
    for parameter in policy.lstm_actor.parameters():
        parameter.register_hook(lambda grad: 0.5 * grad)


class _Strided(nn.Module):
    """Features as transposed views are laid out, or one column for all."""

    def __init__(self, inner: nn.Module, expanded: bool) -> None:
        super().__init__()
        self.inner, self.expanded = inner, expanded

    def forward(self, obs: Any) -> Any:
        features = self.inner(obs)
        return features[:, :1].expand_as(features) if self.expanded else features.t().clone().t()


def _strided(expanded: bool, policy: Any) -> None:
    policy.features_extractor = _Strided(policy.features_extractor, expanded)
    policy.pi_features_extractor = policy.features_extractor
    if policy.share_features_extractor:
        policy.vf_features_extractor = policy.features_extractor


def _pruned(name: str, policy: Any) -> None:
    halve: Call = prune.l1_unstructured
    for module in list(getattr(policy, name).modules()):
        for weight in [name for name, _ in module.named_parameters(recurse=False)]:
            halve(module, weight, 0.5)


def _one_trunk(policy: Any) -> None:
    if policy.lstm_critic is not None:
        policy.lstm_critic = policy.lstm_actor


def _on_instance(method: str, policy: Any) -> None:
    setattr(policy, method, partial(METHODS[method], getattr(policy, method)))


def _on_module(name: str, way: str, policy: Any) -> None:
    WAYS[way](getattr(policy, name))


INSTANCE: dict[str, Callable[[Any], None]] = {
    **{f"instance.{method}": partial(_on_instance, method) for method in METHODS},
    **{f"{name} {way}": partial(_on_module, name, way) for name in MODULES for way in WAYS},
    **{f"{name}, then tanh": partial(_sequential, name) for name in ("action_net", "value_net")},
    **{
        f"{name} without bias": partial(_without_bias, name) for name in ("action_net", "value_net")
    },
    **{f"{name} frozen": partial(_frozen, name) for name in MODULES},
    **{
        f"distribution.{m}": partial(_own_distribution, m)
        for m in ("log_prob", "entropy", "mode", "sample")
    },
    "features_extractor exchanged": _own_extractor,
    "lstm_actor of torch": _torch_lstm,
    "hooks inside mlp_extractor": _hooks_inside,
    "gradient hooks on action_net": _gradient_hooks,
    "gradient hooks on lstm_actor": _recurrent_gradient_hooks,
    "action_net with weight norm": _weight_norm,
    "lstm_actor parametrized": _parametrized,
    "features_extractor transposed": partial(_strided, False),
    "features_extractor expanded": partial(_strided, True),
    **{f"{name} pruned": partial(_pruned, name) for name in ("action_net", "lstm_actor")},
    "lstm_critic is lstm_actor": _one_trunk,
}
CLASSES: dict[str, Callable[[type], type]] = {
    **{f"class.{method}": partial(subclass, method) for method in METHODS},
    "class with a mlp_extractor": _with_layers,
}
PLACES: dict[str, tuple[type, str]] = {
    **{f"library.{method}": (MlpRnnPolicy, method) for method in METHODS},
    **{
        f"upstream.{method}": (RecurrentActorCriticPolicy, method)
        for method in METHODS
        if method in vars(RecurrentActorCriticPolicy)
    },
    "library.linear.forward": (nn.Linear, "forward"),
    "library.layers.forward_actor": (MlpExtractor, "forward_actor"),
    "library.layers.forward_critic": (MlpExtractor, "forward_critic"),
    "library.distribution.log_prob": (CategoricalDistribution, "log_prob"),
    "library.distribution.entropy": (CategoricalDistribution, "entropy"),
}
"""classes that everybody shares, patched for the time of a comparison"""


@contextmanager
def patched(override: str) -> Iterator[None]:
    """Patch the class, or hook all modules, if the override says so."""
    if override == "hook on all modules":

        def halve(module: nn.Module, _: Any, out: Any) -> Any:
            return 0.5 * out if isinstance(module, nn.Linear) else None

        handle = register_module_forward_hook(halve)
        try:
            yield
        finally:
            handle.remove()
        return
    if override not in PLACES:
        yield
        return
    owner, method = PLACES[override]
    change: Call = METHODS.get(method, _halve)
    inherited = getattr(owner, method)
    own: Any
    if method == "_process_sequence":
        own = staticmethod(partial(change, inherited))
    else:

        def own(self: Any, *args: Any, **kwargs: Any) -> Any:
            return change(partial(inherited, self), *args, **kwargs)

    with patch.object(owner, method, own):
        yield


OVERRIDES = (
    "nothing",
    *CLASSES,
    *PLACES,
    "hook on all modules",
    "features_extractor_class",
    *INSTANCE,
)
