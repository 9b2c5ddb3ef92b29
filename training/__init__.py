"""What surrounds ``learn``: a run's configuration, its folder and its callbacks."""

from .callbacks import ProgressBar, StopWhenSolved
from .config import TrainConfig, build_env, build_model
from .run_folder import RunFolder

__all__ = ["ProgressBar", "RunFolder", "StopWhenSolved", "TrainConfig", "build_env", "build_model"]
