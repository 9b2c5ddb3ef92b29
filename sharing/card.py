"""The model card of a run: what the agent is, how good it is, and how to load it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..agents import Agent
from ..agents.whole_file import whole_file
from ..evaluation import DelayResult, find_task, read_evaluation, read_sections
from ..evaluation.report import network
from ..evaluation.run_folder import ATTRACTORS_FILE, FIGURE_FILE
from ..evaluation.table import grouped
from ..training.config import PLACES
from .extra import hub

CARD_FILE = "README.md"
LIBRARY = "warmrl"
TASK = "reinforcement-learning"
TAGS = (TASK, "deep-reinforcement-learning", "stable-baselines3", "recurrent-ppo", "memory")
METRICS = {"mean_reward": "mean_return", "success_rate": "success_rate"}
"""of the metadata, by the name that other agents on the Hub have them under"""
TEMPLATES = Path(__file__).parent / "page"


def model_card(run_dir: str | Path, repo_id: str | None = None) -> str:
    """The model card of a run folder, as Markdown with the Hub's metadata in front.

    The metadata has the library, tags, and each evaluated delay as an entry of its model index; the
    text says how to load the agent, what its evaluation found, and what it was trained with.

    :param run_dir: folder with ``config.json``, ``policy.safetensors``, perhaps ``evaluation.json``
    :param repo_id: where on the Hub it shall be, as USER/NAME; absent, it is loaded from a folder
    :raises ModuleNotFoundError: without the package of the extra ``hub``
    :raises FileNotFoundError: if a file is missing
    :raises ValueError: if one is damaged
    """
    cards = hub()
    folder = Path(run_dir)
    agent = Agent.load(folder, device="cpu")
    sections = read_sections(folder)
    train, summary = sections.get("train", {}), sections.get("summary", {})
    env, env_kwargs = train.get("env"), train.get("env_kwargs") or {}
    task = None if env is None else find_task(env, env_kwargs)
    delay_name = "delay" if task is None else task.delay_name
    results, certificate = read_evaluation(folder)
    metrics = list(_metrics(cards, env, delay_name, results))
    data = cards.ModelCardData(
        library_name=LIBRARY,
        pipeline_tag=TASK,
        tags=[*TAGS, agent.policy.cell, *([] if env is None else [env])],
        model_name=f"RecurrentPPO, {network(agent)}" if metrics else None,
        eval_results=metrics or None,
    )
    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages.filters["grouped"] = grouped
    text = pages.get_template("card.md").render(
        network=network(agent),
        env=env,
        env_kwargs=", ".join(f"{name}={value!r}" for name, value in env_kwargs.items()),
        repo_id=repo_id,
        delay_name=delay_name,
        results=results,
        certificate=certificate,
        figures=[name for name in (FIGURE_FILE, ATTRACTORS_FILE) if (folder / name).is_file()],
        train=train,
        summary=summary,
        versions=sections.get("versions", {}),
        settings=json.dumps({k: v for k, v in train.items() if k not in PLACES}, indent=2),
    )
    return str(cards.ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}"))


def write_card(run_dir: str | Path, repo_id: str | None = None) -> Path:
    """Write :func:`model_card` into the run folder, as ``README.md``, whole or not at all.

    :return: the file; one that was there is replaced
    """
    text = model_card(run_dir, repo_id)
    path = Path(run_dir) / CARD_FILE
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def _metrics(
    cards: Any, env: str | None, delay_name: str, results: Sequence[DelayResult]
) -> Iterator[Any]:
    """Entries of the model index, for what is known at each delay."""
    for row in results if env is not None else ():
        at = None if row.delay is None else f"{delay_name} {row.delay}"
        for metric, name in METRICS.items():
            value = getattr(row, name)
            if value is not None:
                yield cards.EvalResult(
                    task_type=TASK,
                    task_name=TASK,
                    dataset_type=env,
                    dataset_name=env if at is None else f"{env}, {at}",
                    dataset_config=at,
                    metric_type=metric,
                    metric_name=metric,
                    metric_value=round(value, 4),
                )
