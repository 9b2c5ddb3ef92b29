"""What surrounds ``learn``: a run's configuration, its folder, its checkpoints, its callbacks."""

from .after_training import consolidated_in_words, practised_in_words, summary_of
from .build import build_env, build_model, left_out, task_of
from .callbacks import StopWhenSolved, consolidation, stop_when_solved
from .checkpoints import Checkpoints
from .command import TrainCommand, read_command
from .config import TrainConfig
from .cut_short import keep_what_was_learned
from .judge import judge_of
from .practice import JudgedPractice, PracticeResult
from .progress_bar import ProgressBar
from .resume import Resumed, check_unchanged, config_of, resume_model
from .run_folder import RunFolder
from .settings import (
    config_from_json,
    on_top_of_stored,
    stored_config,
    with_settings,
)
from .tensorboard import write_outcome, write_settings
from .tracking import tracked
from .writing import writing

__all__ = [
    "Checkpoints",
    "JudgedPractice",
    "PracticeResult",
    "ProgressBar",
    "Resumed",
    "RunFolder",
    "StopWhenSolved",
    "TrainCommand",
    "TrainConfig",
    "build_env",
    "build_model",
    "check_unchanged",
    "config_from_json",
    "config_of",
    "consolidated_in_words",
    "consolidation",
    "judge_of",
    "keep_what_was_learned",
    "left_out",
    "on_top_of_stored",
    "practised_in_words",
    "read_command",
    "resume_model",
    "stop_when_solved",
    "stored_config",
    "summary_of",
    "task_of",
    "tracked",
    "with_settings",
    "write_outcome",
    "write_settings",
    "writing",
]
