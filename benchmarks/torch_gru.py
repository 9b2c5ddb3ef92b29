"""What a user of sb3-contrib would write to have a GRU: torch's, in place of its LSTM."""

from typing import Any

from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from warmrl.agents.layers import State


class TorchGRU(nn.GRU):
    """Torch's GRU, called like an LSTM; c is passed on untouched."""

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:  # type: ignore[override]
        """Hidden states [T, N, H] and the last ``(h, c)``.

        :param x: inputs [T, N, I]
        :param state: ``(h, c)``, each [1, N, H]
        """
        out, h = super().forward(x, state[0])
        return out, (h, state[1])


class TorchGRUPolicy(RecurrentActorCriticPolicy):  # type: ignore[misc]
    """Sb3-contrib's recurrent policy with a GRU that actor and critic share."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        **kwargs: Any,
    ) -> None:
        kwargs |= {"shared_lstm": True, "enable_critic_lstm": False}
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)
        self.lstm_actor: nn.Module = TorchGRU(self.features_dim, self.lstm_output_dim)
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )
