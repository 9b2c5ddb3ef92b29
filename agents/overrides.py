"""Which fast paths a policy may take: those that bypass only what is the library's own.

A user changes a policy by overriding a method in a subclass, by assigning a method or a module to
an instance, by patching a class, or by registering hooks on a module. A fast path does not call
what was changed, and would ignore it without a word, so :func:`fast_paths` looks for all four.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn

from .layers import DoubleLayer, RecurrentLayer, RecurrentStack

PolicyClass = TypeVar("PolicyClass", bound=type[RecurrentActorCriticPolicy])

TRUNKS = ("lstm_actor", "lstm_critic")
_METHODS_OF_ALL = ("extract_features", "_process_sequence", "_get_action_dist_from_latent")
SHARED_HOOKS = (*_METHODS_OF_ALL, *TRUNKS, "action_dist")
ROLLOUT_HOOKS = frozenset((*SHARED_HOOKS, "__call__", "forward", "predict_values"))
UPDATE_HOOKS = frozenset((*SHARED_HOOKS, "evaluate_actions", "latents"))
PREDICT_HOOKS = frozenset((*SHARED_HOOKS, "predict", "_predict", "get_distribution"))
HOOKS = ROLLOUT_HOOKS | UPDATE_HOOKS | PREDICT_HOOKS
"""what a fast path of rollouts, updates or agents bypasses: methods of a policy and its modules"""

_LAYER = ("__call__", "forward", "weights", "side_by_side")
_DISTRIBUTION = ("proba_distribution", "get_actions", "sample", "mode", "log_prob", "entropy")
_METHODS: Mapping[type, tuple[str, ...]] = {
    RecurrentActorCriticPolicy: (*_METHODS_OF_ALL, "forward", "evaluate_actions", "predict_values"),
    BaseModel: ("extract_features",),
    RecurrentStack: ("__call__", "forward"),
    RecurrentLayer: _LAYER,
    DoubleLayer: _LAYER,
    MlpExtractor: ("__call__", "forward", "forward_actor", "forward_critic"),
    nn.Linear: ("__call__", "forward"),
    nn.Sequential: ("__call__", "forward"),
    CategoricalDistribution: _DISTRIBUTION,
}
_OWN: dict[type, Mapping[str, Any]] = {
    owner: {name: getattr(owner, name) for name in names} for owner, names in _METHODS.items()
}
"""methods as they are when the library is imported, before anybody patches them"""
_POLICIES: list[type] = []

_MODULE_HOOKS = (
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
    "_compiled_call_impl",
)


class FastPaths(NamedTuple):
    """Where a policy may take a fast path instead of upstream's route."""

    rollout: bool
    """acting and valuing in a rollout, by :class:`~.rollout_step.RolloutStep`"""
    update: bool
    """packed sequences, without ``_process_sequence`` and without a distribution of the actions"""
    predict: bool
    """acting in an agent, by :class:`~.policy_step.PolicyStep`"""


def with_fast_paths(policy: PolicyClass) -> PolicyClass:
    """Let a policy class, and what extends it, take fast paths that bypass its methods."""
    _OWN[policy] = {name: getattr(policy, name) for name in HOOKS if hasattr(policy, name)}
    _POLICIES.append(policy)
    return policy


def overridden(policy: Any) -> set[str]:
    """The hooks, methods and modules, that are not the library's own, class and instance.

    :param policy: any policy; one that does not extend this library's has no hook of it
    """
    owner = next((cls for cls in _POLICIES if isinstance(policy, cls)), None)
    if owner is None:
        return {*HOOKS}
    names = _changed(policy, _OWN[owner])
    if _hooks_on_all_modules():
        names |= {*HOOKS}
    if _changed_class(BaseModel):
        names.add("extract_features")
    if _has_hooks(policy):
        names.add("__call__")
    names |= {name for name in TRUNKS if not _own_trunk(getattr(policy, name))}
    discrete = isinstance(policy.action_space, spaces.Discrete)
    if discrete and not _own_object(policy.action_dist, CategoricalDistribution):
        names.add("action_dist")
    return names


def fast_paths(policy: Any) -> FastPaths:
    """The fast paths that bypass nothing but what is the library's own.

    :param policy: any policy
    """
    names = overridden(policy)
    paths = (ROLLOUT_HOOKS, UPDATE_HOOKS, PREDICT_HOOKS)
    return FastPaths(*map(names.isdisjoint, paths))


def upstream_sequences(policy: Any) -> bool:
    """Whether a policy runs over sequences just as sb3-contrib's or this library's does.

    An episode may then start from a state of zeros, in place of a flag that resets its state.

    :param policy: any recurrent policy
    """
    if any(isinstance(policy, cls) for cls in _POLICIES):
        return fast_paths(policy).update
    return not _changed(policy, _OWN[RecurrentActorCriticPolicy])


_ROLLOUT_METHODS = ROLLOUT_HOOKS - {*TRUNKS, "action_dist"}


def has_methods_of_its_own(policy: Any) -> bool:
    """Whether hooks of rollouts have been assigned to the instance; takes no time."""
    return not _ROLLOUT_METHODS.isdisjoint(vars(policy))


def linear_action_net(policy: Any) -> bool:
    """Whether discrete actions are drawn by weights that may be read from ``action_net``."""
    return isinstance(policy.action_space, spaces.Discrete) and _linear(policy.action_net)


def linear_heads(policy: Any) -> bool:
    """The same of both heads, with nothing between the trunks and them."""
    between = policy.mlp_extractor
    return (
        linear_action_net(policy)
        and _linear(policy.value_net)
        and _own_object(between, MlpExtractor)
        and all(
            _own_object(layers, nn.Sequential) and not len(layers)
            for layers in (between.policy_net, between.value_net)
        )
    )


def _changed(instance: object, own: Mapping[str, Any]) -> set[str]:
    """The methods that the class or the instance replaces."""
    cls, values = type(instance), vars(instance)
    changed = {name for name, method in own.items() if getattr(cls, name, None) is not method}
    return changed if own.keys().isdisjoint(values) else changed | (own.keys() & values)


def _changed_class(owner: type) -> bool:
    return any(getattr(owner, name) is not method for name, method in _OWN[owner].items())


def _own_object(instance: object, owner: type) -> bool:
    """Whether an object is of this class exactly, with its methods and without hooks."""
    if type(instance) is not owner or _changed(instance, _OWN[owner]):
        return False
    return not (isinstance(instance, nn.Module) and _has_hooks(instance))


def _has_hooks(module: nn.Module) -> bool:
    values = vars(module)
    return any(values.get(name) for name in _MODULE_HOOKS)


def _hooks_on_all_modules() -> bool:
    module = torch.nn.modules.module
    return any(getattr(module, f"_global{name}", None) for name in _MODULE_HOOKS)


def _own_trunk(trunk: Any) -> bool:
    if trunk is None:
        return True
    return _own_object(trunk, RecurrentStack) and all(map(_own_layer, trunk.layers))


def _own_layer(layer: Any) -> bool:
    if type(layer) is not DoubleLayer:
        return _own_object(layer, RecurrentLayer)
    halves = (layer.warm, layer.cold)
    return _own_object(layer, DoubleLayer) and all(map(_own_layer, halves))


def _linear(head: Any) -> bool:
    return _own_object(head, nn.Linear) and head.bias is not None
