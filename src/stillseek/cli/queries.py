"""The query images of a command line, each with the box that follows it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token

_IMAGE, _BOX = "--image", "--box"
_NEGATIVE = re.compile(r"-\d")


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """A query image and the part of it that is meant.

    Attributes:
        image: The picture.
        box: Left, top, width, height in pixels after EXIF rotation; None is the whole picture.
        follows: Whether it stands behind another image of the same ``--image``; where no video is
            named before, it may be the video.
    """

    image: Path
    box: tuple[int, int, int, int] | None = None
    follows: bool = False


def parse_queries(_: object, tokens: Sequence[Token]) -> tuple[ImageQuery, ...]:
    """Pairs every ``--box`` with the image before it.

    Raises:
        ValueError: A box has no image before it, or is not four whole numbers; cyclopts reports
            it as a usage error.
    """
    queries: list[ImageQuery] = []
    for token in tokens:
        if token.keyword == _IMAGE:
            queries.append(ImageQuery(Path(token.value), follows=token.index > 0))
        elif token.index > 0:
            raise ValueError(f"--box takes one x,y,w,h; give --image before {token.value}")
        elif not queries or queries[-1].box is not None:
            where = "a second box for one image" if queries else "no image before it"
            raise ValueError(f"--box {token.value} has {where}; give one --box after its --image")
        else:
            queries[-1] = replace(queries[-1], box=_parse_box(token.value))
    return tuple(queries)


def with_negative_boxes(tokens: Sequence[str]) -> list[str]:
    """The words of a command line with a box that starts with a minus as a value.

    It is a box with a wrong number, and would be taken for an option that does not exist.
    """
    joined: list[str] = []
    for token in tokens:
        if joined and joined[-1] == _BOX and _NEGATIVE.match(token):
            joined[-1] = f"{_BOX}={token}"
        else:
            joined.append(token)
    return joined


def _parse_box(text: str) -> tuple[int, int, int, int]:
    try:
        left, top, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"--box {text} is not x,y,w,h; give four whole numbers of pixels, e.g. 40,25,200,120"
        ) from None
    if left < 0 or top < 0 or width < 1 or height < 1:
        raise ValueError(
            f"--box {text} needs x and y of at least 0, and a width and height of at least 1"
        )
    return left, top, width, height


# One parameter under two names: only so does the parser keep the order of both.
Queries = Annotated[
    tuple[ImageQuery, ...],
    Parameter(
        name=(_IMAGE, _BOX),
        converter=parse_queries,
        n_tokens=1,
        accepts_keys=False,
        consume_multiple=True,
    ),
]
