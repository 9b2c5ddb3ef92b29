"""The page on environments of one's own: its module works, with its command."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from warmrl.train import main

PAGE = (Path(__file__).parents[1] / "docs/your-environments.md").read_text()
MODULES = re.findall(r"^```python\n(# (\w+)\.py\n.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("python ")]
SHORT = (
    *("--n-steps", "16", "--hidden-size", "8", "--total-timesteps", "512"),
    *("--warmup-steps", "2", "--warmup-episodes", "8", "--eval-episodes", "4"),
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for env_id in [env_id for env_id in gymnasium.registry if env_id.startswith("mine/")]:
        del gymnasium.registry[env_id]
    for _, name in MODULES:
        sys.modules.pop(name, None)


def test_every_command_is_known() -> None:
    assert [name for _, name in MODULES] == ["mine", "wrapped"]
    assert all(line.split()[1] in ("train.py", "-m") for line in COMMANDS)
    assert len(COMMANDS) == 5


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.split()[1] == "-m"])
def test_a_module_of_ones_own(line: str) -> None:
    words = shlex.split(line)
    name = words[words.index("--env") + 1].partition(":")[0]
    if name == "wrapped":
        pytest.importorskip("popgym", reason="needs the extra popgym")
    Path(f"{name}.py").write_text({name: code for code, name in MODULES}[name])
    main([*words[words.index("--env") :], *SHORT, "--run-dir", "run"])
    (row,) = json.loads(Path("run/evaluation.json").read_text())["results"]
    assert (row["success_rate"] is None) == (name == "wrapped")
    assert row["episodes"] == 4
