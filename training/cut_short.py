"""What is kept of a run that is cut short."""

from ..agents import RecurrentPPO
from ..command_line import UserError, command
from .checkpoints import Checkpoints
from .config import TrainConfig
from .run_folder import RunFolder
from .snapshot import restore_agent


def keep_what_was_learned(
    folder: RunFolder, config: TrainConfig, model: RecurrentPPO, checkpoints: Checkpoints
) -> str:
    """Save a run as it was after its last update, or nothing if it has learned nothing.

    :param model: the agent, wherever it was stopped; put back to that update
    :return: what was kept, and how to go on
    """
    go_on = f"go on with: {command('train')} --resume {folder.path}"
    latest = checkpoints.latest
    if latest is not None and checkpoints.learned:
        restore_agent(model, latest)
        try:
            checkpoints.write()
            summary = {"steps": model.num_timesteps, "complete": False}
            folder.save(model, config, checkpoints.summary | summary)
        except UserError:
            pass  # the checkpoint before is still there
        return f"{checkpoints.written_steps:,} steps are saved in {folder.path}; {go_on}"
    if config.resume is None:
        folder.discard()
        return "nothing was learned yet, nothing is saved"
    return f"nothing was learned, {folder.path} is as it was; {go_on}"
