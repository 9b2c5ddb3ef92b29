"""Films of episodes: every step is in them, and what cannot be filmed is said beforehand."""

from pathlib import Path

import numpy as np
import pytest

from warmrl.envs import TMaze
from warmrl.evaluation import check_video, record, write_video
from warmrl.evaluation.video import LAST_SECONDS, STEPS_PER_SECOND
from warmrl.tests.evaluation.test_replay import agent_for

MISSING = "needs the extra: pip install 'warmrl[video]'"


TASK = TMaze(2)
STAYS = LAST_SECONDS * STEPS_PER_SECOND


def test_every_step_is_in_a_gif(tmp_path: Path) -> None:
    imageio = pytest.importorskip("imageio.v3", reason=MISSING)
    replays = record(agent_for(TASK), TASK)
    write_video(replays, TASK, tmp_path / "film.gif")
    frames = imageio.imread(tmp_path / "film.gif")  # those that are the same are one
    steps = sum(map(len, replays))
    assert steps + 2 <= len(frames) <= steps + 2 * STAYS
    assert frames.shape[1:] == (480, 640, 3)
    assert not np.array_equal(frames[0], frames[1])
    assert [found.name for found in tmp_path.iterdir()] == ["film.gif"]


def test_every_step_is_in_an_mp4(tmp_path: Path) -> None:
    pytest.importorskip("imageio", reason=MISSING)
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason=MISSING)
    replays = record(agent_for(TASK), TASK)
    write_video(replays, TASK, tmp_path / "film.mp4")
    frames, seconds = ffmpeg.count_frames_and_secs(str(tmp_path / "film.mp4"))
    assert frames == sum(map(len, replays)) + 2 * STAYS
    assert seconds == pytest.approx(frames / STEPS_PER_SECOND, abs=0.1)


@pytest.mark.parametrize("name", ["film.avi", "film", "nowhere/film.gif", "folder.gif"])
def test_a_place_for_no_film(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.gif").mkdir()
    with pytest.raises(ValueError, match=r"must be a file .gif or .mp4 in a folder that exists"):
        check_video(tmp_path / name, TMaze(2), "warmrl/TMaze-v0")


def test_nothing_to_film(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be left out: env='CartPole-v1' has no pictures"):
        check_video(tmp_path / "film.gif", None, "CartPole-v1")


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warmrl.evaluation.video.NEEDED", {".gif": ("thawed",)})
    with pytest.raises(ValueError, match=r"pip install 'warmrl\[video\]'"):
        check_video(tmp_path / "film.gif", TMaze(2), "warmrl/TMaze-v0")
