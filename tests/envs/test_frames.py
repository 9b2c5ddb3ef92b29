"""Frames and texts of episodes as they are, to the pixel: they change on purpose only."""

import zlib

import pytest

from warmrl.envs import MemoryEnv, MemoryTask
from warmrl.tests.envs.variants import VARIANTS

MOVES = 14
LOOKS = (
    0x031D86C4,
    0x031D86C4,
    0x5B92610A,
    0xA0085CAB,
    0x08607AA5,
    0x05C8EFB8,
    0x336D2732,
    0x673E7ECD,
    0xA0C0D7BD,
    0x2FE388BB,
    0xBC5DCB70,
    0x7B1B5F8D,
    0x031D86C4,
    0x2E4994DC,
    0x24837E73,
    0xE77E4B86,
    0xECB5D9AB,
    0xF2A04436,
    0x20566E5C,
    0xB80BA9A4,
    0x14BD537A,
    0x618D7A4C,
    0x7EFB1C3A,
    0xBAEAD471,
    0xC0A7AC76,
    0x14CA88EB,
)


def looks(task: MemoryTask) -> int:
    """A checksum of all that is drawn and written along some moves, most of them the first."""
    picture, text = (MemoryEnv(task, render_mode=mode) for mode in ("rgb_array", "ansi"))
    found = 0
    for env in (picture, text):
        env.reset(seed=0)
    for t in range(MOVES):
        found = zlib.crc32(text.render().encode(), zlib.crc32(picture.render().tobytes(), found))
        action = t // 4 % task.n_actions if t % 4 == 3 else 0
        ended = [any(env.step(action)[2:4]) for env in (picture, text)]
        if ended[0]:
            found = zlib.crc32(picture.render().tobytes(), found)
            for env in (picture, text):
                env.reset()
    return found


@pytest.mark.parametrize(
    ("task", "checksum"), list(zip(VARIANTS, LOOKS, strict=True)), ids=map(repr, VARIANTS)
)
def test_an_episode_looks_as_it_did(task: MemoryTask, checksum: int) -> None:
    assert looks(task) == checksum
