"""A small RGB canvas: rectangles, discs and block letters."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Colour: TypeAlias = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (40, 44, 52)
GREY: Colour = (150, 155, 163)
FLOOR: Colour = (232, 234, 237)
GREEN: Colour = (46, 160, 67)
RED: Colour = (207, 52, 52)
BLUE: Colour = (33, 111, 219)
AMBER: Colour = (245, 180, 40)

# Every letter is five rows of three dots, read as octal digits: 7 is a full row, 5 its two ends.
_FONT = (
    "0 75557 1 26227 2 71747 3 71717 4 55711 5 74717 6 74757 7 71222 8 75757 9 75717 "
    "A 25755 B 65656 C 34443 D 65556 E 74647 F 74644 G 34553 H 55755 I 72227 J 11152 "
    "K 55655 L 44447 M 57755 N 65555 O 25552 P 65644 Q 25563 R 65655 S 34216 T 72222 "
    "U 55557 V 55552 W 55775 X 55255 Y 55222 Z 71247 + 02720 - 00700 . 00002 , 00024 : 02020 "
    "/ 11244 ? 71202 ( 24442 ) 42224 = 07070"
)
_WORDS = _FONT.split()
_LETTERS = {" ": "00000"} | dict(zip(_WORDS[::2], _WORDS[1::2], strict=True))


class Canvas:
    """An RGB image, `[height, width, 3]` uint8, drawn on in pixels from the top left corner.

    :param height: pixels.
    :param width: pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.pixels: npt.NDArray[np.uint8] = np.full((height, width, 3), WHITE, dtype=np.uint8)

    def rectangle(self, top: int, left: int, height: int, width: int, colour: Colour) -> None:
        """Fill a rectangle."""
        self.pixels[top : top + height, left : left + width] = colour

    def disc(self, row: int, column: int, radius: int, colour: Colour) -> None:
        """Fill a disc around a point."""
        rows, columns = np.ogrid[: self.pixels.shape[0], : self.pixels.shape[1]]
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        self.pixels[inside] = colour

    def text(self, top: int, left: int, words: str, colour: Colour = INK, size: int = 3) -> None:
        """Write capitals, digits and simple punctuation; a dot is `size` pixels, a line 5 dots."""
        for position, letter in enumerate(words.upper()):
            for row, bits in enumerate(_LETTERS[letter]):
                for column in range(3):
                    if int(bits) & (4 >> column):
                        self.rectangle(
                            top + row * size,
                            left + (4 * position + column) * size,
                            size,
                            size,
                            colour,
                        )

    def centred(self, top: int, middle: int, words: str, colour: Colour, size: int = 3) -> None:
        """Write text around a column."""
        self.text(top, middle - text_width(words, size) // 2, words, colour, size)


def text_width(words: str, size: int = 3) -> int:
    """Width of a text in pixels."""
    return (4 * len(words) - 1) * size


def signed(reward: float) -> str:
    """A reward as a person writes it."""
    return f"{reward:+.2f}".rstrip("0").rstrip(".") if reward else "0"
