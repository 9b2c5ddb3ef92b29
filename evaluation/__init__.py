"""Evaluation of trained agents: success over delays, and certificates for all of them."""

from .attractor_figure import attractor_figure, headline
from .certificate import CannotCertify, Certificate, certify
from .figure import success_figure
from .history import History, read_history
from .history_figure import history_figure
from .portrait import Portrait, check_cues, has_cues, portray
from .replay import Replay, record
from .report import render_report
from .result import DelayResult
from .run_folder import (
    TrainedOn,
    check_writable,
    read_evaluation,
    read_sections,
    read_trained_on,
    write_evaluation,
)
from .sweep import check_delays, evaluate_delay, evaluate_env, find_task, play_task, sweep
from .table import certificate_sentence, print_table
from .video import check_video, write_video

__all__ = [
    "CannotCertify",
    "Certificate",
    "DelayResult",
    "History",
    "Portrait",
    "Replay",
    "TrainedOn",
    "attractor_figure",
    "certificate_sentence",
    "certify",
    "check_cues",
    "check_delays",
    "check_video",
    "check_writable",
    "evaluate_delay",
    "evaluate_env",
    "find_task",
    "has_cues",
    "headline",
    "history_figure",
    "play_task",
    "portray",
    "print_table",
    "read_evaluation",
    "read_history",
    "read_sections",
    "read_trained_on",
    "record",
    "render_report",
    "success_figure",
    "sweep",
    "write_evaluation",
    "write_video",
]
