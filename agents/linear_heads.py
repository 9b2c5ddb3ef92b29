"""Whether a policy's heads are linear in what its trunk gives, as compiled ones must be."""

from gymnasium import spaces
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn

from . import kernels
from .policies import MlpRnnPolicy


def linear_heads(policy: MlpRnnPolicy) -> bool:
    """Whether actions are discrete, and heads linear in the trunk's output, on a CPU."""
    between = policy.mlp_extractor
    return (
        isinstance(policy.action_space, spaces.Discrete)
        and type(between) is MlpExtractor
        and not any(map(len, (between.policy_net, between.value_net)))
        and all(
            type(head) is nn.Linear and head.bias is not None and kernels.can_run(head.weight)
            for head in (policy.action_net, policy.value_net)
        )
    )
