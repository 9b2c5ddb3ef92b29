"""One step of a policy while experience is collected: an action, its value, its log-probability."""

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from torch import Tensor

from .layers import RecurrentStack, State
from .policies import MlpRnnPolicy
from .policy_step import Observation, PolicyStep


class RolloutTrunk(PolicyStep):
    """A trunk whose steps are compiled where they can be, and round as the update does."""

    def __init__(self, policy: MlpRnnPolicy, trunk: RecurrentStack) -> None:
        super().__init__(policy, trunk)
        self.steps = [
            layer.compiled_steps() or step
            for layer, step in zip(trunk.layers, self.steps, strict=True)
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

    @staticmethod
    def fits(policy: object) -> bool:
        """Whether a policy has discrete actions, no memoryless part, and acts as ours do."""
        return (
            isinstance(policy, MlpRnnPolicy)
            and type(policy).forward is MlpRnnPolicy.forward
            and isinstance(policy.action_space, spaces.Discrete)
            and policy.share_features_extractor
            and (policy.shared_lstm or policy.lstm_critic is not None)
        )

    @torch.no_grad()
    def __call__(
        self, obs: Observation, states: RNNStates, episode_starts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, RNNStates]:
        """Sampled actions [N], values [N, 1], log-probabilities [N] and the next states.

        :param obs: [N, ...]
        :param states: of actor and critic
        :param episode_starts: 1 where an episode starts [N]
        """
        keep = (1.0 - episode_starts)[:, None]
        features = self.actor.features(obs)
        trunk, state = self.actor.advance(features, (keep * states.pi[0], keep * states.pi[1]))
        critic_trunk, critic_state = trunk, state
        if self.critic is not None:
            before = (keep * states.vf[0], keep * states.vf[1])
            critic_trunk, critic_state = self.critic.advance(features, before)
        heads = self.policy.mlp_extractor
        log_probs = self.policy.action_net(heads.forward_actor(trunk)).log_softmax(-1)
        race = log_probs.exp() / torch.empty_like(log_probs).exponential_()
        actions = race.argmax(-1)
        taken = log_probs.gather(-1, actions[:, None]).squeeze(-1)
        return (
            actions,
            self.policy.value_net(heads.forward_critic(critic_trunk)),
            taken,
            RNNStates(state, critic_state),
        )

    @torch.no_grad()
    def values(self, obs: Observation, state: State) -> Tensor:
        """What the critic expects of episodes that go on [N, 1].

        :param obs: [N, ...]
        :param state: the critic's ``(h, c)``
        """
        critic = self.critic or self.actor
        trunk, _ = critic.advance(critic.features(obs), state)
        values: Tensor = self.policy.value_net(self.policy.mlp_extractor.forward_critic(trunk))
        return values
