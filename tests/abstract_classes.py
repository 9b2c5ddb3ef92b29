"""What a class of one's own must define."""

from typing import Any

import pytest


def check_needed(base: type[Any], names: set[str]) -> None:
    """Check that who lacks one of these names is told which."""
    for missing in names:
        rest = {name: None for name in names if name != missing}
        with pytest.raises(TypeError, match=f"abstract class Mine .*abstract method '?{missing}"):
            type("Mine", (base,), rest)()
