"""What a user of sb3-contrib would write to have a GRU: torch's, in place of its LSTM."""

from typing import Any

from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
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


class TorchGRUPolicy(RecurrentActorCriticPolicy):
    """Sb3-contrib's recurrent policy with a GRU that actor and critic share."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, shared_lstm=True, enable_critic_lstm=False)
        self.lstm_actor = TorchGRU(self.features_dim, self.lstm_output_dim)
        rate = self.optimizer.param_groups[0]["lr"]
        self.optimizer = self.optimizer_class(self.parameters(), lr=rate, **self.optimizer_kwargs)
