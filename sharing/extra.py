"""The package of the extra ``hub``, imported when it is called for."""

import importlib
from types import ModuleType

PACKAGE = "huggingface_hub"


def hub(module: str = PACKAGE) -> ModuleType:
    """The package ``huggingface_hub``, or a module of it.

    :raises ModuleNotFoundError: in one line, if it is not installed
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != PACKAGE:
            raise
        raise ModuleNotFoundError(
            f"model cards and the Hub need {PACKAGE}; install it: pip install 'warmrl[hub]'",
            name=PACKAGE,
        ) from error
