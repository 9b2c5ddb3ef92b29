"""Agents on the Hugging Face Hub, without pickles."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from .. import __version__
from ..agents import Agent
from ..agents.agent import CONFIG_FILE, WEIGHTS_FILE
from ..evaluation.run_folder import ATTRACTORS_FILE, FIGURE_FILE, RESULTS_FILE
from ..training.config import PLACES
from ..training.run_folder import PROGRESS_FILE
from .card import CARD_FILE, LIBRARY, model_card
from .extra import hub

AGENT = (CONFIG_FILE, WEIGHTS_FILE)
ALSO = (RESULTS_FILE, FIGURE_FILE, ATTRACTORS_FILE, PROGRESS_FILE)
"""what of a run folder goes along, if it is there; never model.zip, part of which is pickled"""


def push_to_hub(
    source: str | Path | Agent | BaseAlgorithm,
    repo_id: str,
    *,
    commit_message: str | None = None,
    private: bool | None = None,
    token: str | None = None,
) -> str:
    """Put an agent on the Hub: its weights, configuration, evaluation, figures and model card.

    All files are one commit; the repository is made if it is not there. The folder's own
    ``README.md`` is the card, if there is one, otherwise :func:`~warmrl.sharing.model_card`. Places
    on this machine are left out of the configuration.

    :param source: a run folder; or an agent, or an SB3 model with a policy of this package, of
        which only weights, policy and card go there
    :param repo_id: where to, as USER/NAME
    :param commit_message: what others read of it
    :param private: whether only its owner sees a repository that is made; ``None`` for the Hub's
        default
    :param token: of the Hub; the one of ``hf auth login`` if absent
    :return: the address of the agent
    :raises ModuleNotFoundError: without the package of the extra ``hub``
    :raises FileNotFoundError: if the source is no run
    :raises ValueError: if a file is damaged, or the name is none that the Hub has
    :raises OSError: if the Hub cannot be reached, or refuses
    """
    package = hub()
    if not isinstance(source, str | Path):
        agent = source if isinstance(source, Agent) else Agent(source)
        with tempfile.TemporaryDirectory() as folder:
            agent.save(folder)
            return push_to_hub(
                folder, repo_id, commit_message=commit_message, private=private, token=token
            )
    files = _files(Path(source), repo_id)
    api = _api(package, token)
    with _reached(repo_id):
        url = api.create_repo(repo_id, private=private, exist_ok=True)
        api.create_commit(
            url.repo_id,
            [package.CommitOperationAdd(name, content) for name, content in files.items()],
            commit_message=commit_message or f"An agent of warmrl {__version__}",
        )
    return str(url)


def load_from_hub(
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    cache_dir: str | Path | None = None,
    device: str | torch.device = "auto",
) -> Agent:
    """Load an agent that :func:`push_to_hub` put on the Hub.

    Two files are fetched, ``config.json`` and ``policy.safetensors``, and nothing is unpickled or
    executed, whoever's they are.

    :param repo_id: where it is, as USER/NAME
    :param revision: branch, tag or commit; ``None`` for the latest
    :param token: of the Hub, for private ones; the one of ``hf auth login`` if absent
    :param cache_dir: where files that were fetched are kept; the Hub's own cache if absent
    :param device: where the policy shall run
    :raises ModuleNotFoundError: without the package of the extra ``hub``
    :raises OSError: if it is not there, or the Hub cannot be reached and the cache does not have it
    :raises ValueError: if a file is damaged, or the name is none that the Hub has
    """
    package = hub()
    with _reached(repo_id):
        folder = _api(package, token).snapshot_download(
            repo_id, revision=revision, cache_dir=cache_dir, allow_patterns=list(AGENT)
        )
    return Agent.load(folder, device)


def _files(folder: Path, repo_id: str) -> dict[str, bytes]:
    """What goes to the Hub, by name."""
    Agent.load(folder, device="cpu")  # what nobody could load is not for others
    own = folder / CARD_FILE
    card = own.read_text(encoding="utf-8") if own.is_file() else model_card(folder, repo_id)
    names = [*AGENT, *(name for name in ALSO if (folder / name).is_file())]
    files = {name: (folder / name).read_bytes() for name in names}
    config: dict[str, Any] = json.loads(files[CONFIG_FILE])
    if isinstance(config.get("train"), dict):
        config["train"] |= dict.fromkeys(PLACES)
        files[CONFIG_FILE] = f"{json.dumps(config, indent=2)}\n".encode()
    return {**files, CARD_FILE: card.encode()}


def _api(package: Any, token: str | None) -> Any:
    return package.HfApi(token=token, library_name=LIBRARY, library_version=__version__)


@contextmanager
def _reached(repo_id: str) -> Iterator[None]:
    """One line for what the Hub says, at length, and for what its client does.

    :raises OSError: in their place
    """
    errors = hub("huggingface_hub.errors")
    try:
        yield
    except (OSError, errors.HTTPError) as error:
        raise OSError(f"repo_id={repo_id!r}: {' '.join(str(error).split())}") from error
