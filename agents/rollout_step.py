"""One step of a policy while experience is collected: an action, its value, its log-probability."""

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.policies import BaseModel
from torch import Tensor

from . import kernels
from .cells import Step
from .kernels import Heads
from .layers import RecurrentStack, State, restarted
from .overrides import fast_paths, has_methods_of_its_own, linear_heads
from .policies import MlpRnnPolicy
from .policy_step import Observation, PolicyStep


class RolloutTrunk(PolicyStep):
    """A trunk whose steps are compiled where they can be, and round as the update does."""

    def _steps(self, trunk: RecurrentStack) -> list[Step]:
        return [
            kernels.step(cell, weights, [half.weights() for half in layer.side_by_side])
            for (cell, weights), layer in zip(self.layers, trunk.layers, strict=True)
        ]


class RolloutStep:
    """What ``policy.forward`` does, for one rollout of a policy that does not change meanwhile.

    Joins the halves of double layers once, and samples without distribution objects the very
    actions that ``torch.multinomial`` would.

    :param policy: one that :meth:`fits`
    """

    def __init__(self, policy: MlpRnnPolicy) -> None:
        self.policy = policy
        self.actor = RolloutTrunk(policy, policy.lstm_actor)
        critic = policy.lstm_critic
        self.critic = None if critic is None else RolloutTrunk(policy, critic)
        self.heads = None
        if linear_heads(policy):
            action, value = policy.action_net, policy.value_net
            self.heads = kernels.heads(Heads(action.weight, action.bias, value.weight, value.bias))
        self._parameters = tuple(policy.parameters())  # kept: walking modules takes long
        self._versions = [weight._version for weight in self._parameters]

    @staticmethod
    def fits(policy: object) -> bool:
        """Whether a policy has discrete actions, no memoryless part, and acts as ours do."""
        return (
            isinstance(policy, MlpRnnPolicy)
            and fast_paths(policy).rollout
            and isinstance(policy.action_space, spaces.Discrete)
            and policy.share_features_extractor
            and (policy.shared_lstm or policy.lstm_critic is not None)
        )

    @property
    def outdated(self) -> bool:
        """Whether the policy was changed since: its weights, other than by their ``.data``, or its
        methods, by assigning others to the instance.
        """
        changed = self._versions != [weight._version for weight in self._parameters]
        return changed or has_methods_of_its_own(self.policy)

    @torch.no_grad()
    def __call__(
        self, obs: Observation, states: RNNStates, episode_starts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, RNNStates]:
        """Sampled actions [N], values [N, 1], log-probabilities [N] and the next states.

        :param obs: [N, ...]
        :param states: of actor and critic
        :param episode_starts: 1 where an episode starts [N]
        """
        features = self.policy.extract_features(obs)
        trunk, state = self.actor.advance(features, restarted(states.pi, episode_starts))
        critic_trunk, critic_state = trunk, state
        if self.critic is not None:
            before = restarted(states.vf, episode_starts)
            critic_trunk, critic_state = self.critic.advance(features, before)
        act = self._act if self.heads is None else self.heads
        return *act(trunk, critic_trunk), RNNStates(state, critic_state)

    def _act(self, latent: Tensor, critic_latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What ``self.heads`` do, on any device and through layers between."""
        layers = self.policy.mlp_extractor
        log_probs = self.policy.action_net(layers.forward_actor(latent)).log_softmax(-1)
        race = log_probs.exp() / torch.empty_like(log_probs).exponential_()
        actions = race.argmax(-1)
        taken = log_probs.gather(-1, actions[:, None]).squeeze(-1)
        return actions, self.policy.value_net(layers.forward_critic(critic_latent)), taken

    @torch.no_grad()
    def values(self, obs: Observation, state: State) -> Tensor:
        """What the critic expects of episodes that go on [N, 1].

        :param obs: [N, ...]
        :param state: the critic's ``(h, c)``
        """
        critic = self.critic or self.actor
        extractor = self.policy.vf_features_extractor
        features = BaseModel.extract_features(self.policy, obs, extractor)
        trunk, _ = critic.advance(features, state)
        values: Tensor = self.policy.value_net(self.policy.mlp_extractor.forward_critic(trunk))
        return values
