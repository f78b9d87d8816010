"""The query images of a command line, each with the box that follows it."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, Token

from stillseek.errors import UsageError
from stillseek.files import refuse_url
from stillseek.timeline import clock_seconds

if TYPE_CHECKING:
    from stillseek.localize.query_image import VideoFrame

_IMAGE, _FRAME, _NOT, _BOX = "--image", "--frame", "--not", "--box"
_NEGATIVE = re.compile(r"-\d")


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """A query image and the part of it that is meant.

    Attributes:
        file: The picture, or the video that it is a frame of.
        seconds: Time of the frame; None is a picture.
        box: Left, top, width, height in pixels after EXIF rotation; None is the whole picture.
        is_unlike: Whether it shows what the activity is not.
        follows: Whether it stands behind another one of the same option; where no video is named
            before, it may be the video.
    """

    file: Path
    seconds: float | None = None
    box: tuple[int, int, int, int] | None = None
    is_unlike: bool = False
    follows: bool = False

    @property
    def picture(self) -> "Path | VideoFrame":
        """What a localizer takes."""
        if self.seconds is None:
            return self.file
        from stillseek.localize.query_image import VideoFrame

        return VideoFrame(self.file, self.seconds)


def parse_queries(_: object, tokens: Sequence[Token]) -> tuple[ImageQuery, ...]:
    """Pairs every ``--box`` with the image before it; cyclopts reports a ValueError."""
    queries: list[ImageQuery] = []
    for place, token in enumerate(tokens, start=1):
        if token.keyword != _BOX:
            queries.append(_parse_picture(token, is_last=place == len(tokens)))
        elif token.index > 0:
            raise ValueError(f"--box takes one x,y,w,h; give --image before {token.value}")
        elif queries and queries[-1].is_unlike:
            raise ValueError(f"--box {token.value} is behind a --not, which takes whole pictures")
        elif not queries or queries[-1].box is not None:
            where = "a second box for one image" if queries else "no image before it"
            raise ValueError(f"--box {token.value} has {where}; give one --box after its --image")
        else:
            queries[-1] = replace(queries[-1], box=_parse_box(token.value))
    return tuple(queries)


def _parse_picture(token: Token, *, is_last: bool) -> ImageQuery:
    """A picture or a frame; the last one behind an option may also be the video."""
    follows, is_unlike = token.index > 0, token.keyword == _NOT
    # What the activity is not may be either: a file of that name is a picture.
    may_be_frame = token.keyword == _FRAME or (is_unlike and not Path(token.value).exists())
    frame = parse_frame(token.value) if may_be_frame else None
    if frame is not None:
        return ImageQuery(*frame, is_unlike=is_unlike, follows=follows)
    is_frame = token.keyword == _FRAME and not (follows and is_last)
    if is_frame or (may_be_frame and is_unlike and _is_of_video(token.value)):
        raise ValueError(
            f"{token.keyword} {token.value} is not VIDEO@SECONDS, e.g. match.mp4@12.5 or "
            "match.mp4@1:02.5"
        )
    return ImageQuery(Path(token.value), is_unlike=is_unlike, follows=follows)


def parse_frame(text: str) -> tuple[Path, float] | None:
    """Video and time of a frame; None where a text is not VIDEO@SECONDS or VIDEO@[H:]MM:SS."""
    path, _, time = text.rpartition("@")
    try:
        seconds = float(time) if (clock := clock_seconds(time)) is None else clock
    except ValueError:
        return None
    return (Path(path), seconds) if path and 0 <= seconds < math.inf else None


def _is_of_video(text: str) -> bool:
    """Whether a video is named before what should be a time."""
    from stillseek.media.folder import is_video_name

    path = Path(text.rpartition("@")[0])
    return is_video_name(path) and path.is_file()


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


def check_pictures(queries: Sequence[ImageQuery]) -> None:
    """Refuses what cannot be pictures of an activity, before anything is loaded."""
    from stillseek.media.faults import check_file

    if all(query.is_unlike for query in queries):
        raise UsageError(
            "--not says what the activity is not; say with --image or --frame what it is"
        )
    for query in queries:
        _refuse_video_as_picture(query)
        refuse_url(query.file, "--image" if query.seconds is None else "--frame")
        if query.seconds is None and query.file.is_dir():
            option = "--not" if query.is_unlike else "--image"
            raise UsageError(f"{option} {query.file} is a folder; give a picture of it")
        check_file(query.file, "image" if query.seconds is None else "video")
    _refuse_contradiction(queries)


def _refuse_video_as_picture(query: ImageQuery) -> None:
    from stillseek.media.folder import is_video_name

    video, seconds = query.file, "SECONDS"
    if not video.exists() and "@" in video.name:
        name, _, seconds = str(video).rpartition("@")
        video = Path(name)
    is_animation = video.suffix.lower() == ".gif"
    if query.seconds is None and not is_animation and is_video_name(video) and video.is_file():
        option = "--not" if query.is_unlike else "--frame"
        raise UsageError(
            f"{query.file} is a video, not a picture; give a frame of it: "
            f"{option} {video}@{seconds}"
        )


def _refuse_contradiction(queries: Sequence[ImageQuery]) -> None:
    """Refuses a picture of what the activity is and is not; a part of one may be meant."""
    from stillseek.media.faults import holds_same

    wanted = [query for query in queries if not query.is_unlike and query.box is None]
    for other in (query for query in queries if query.is_unlike):
        for query in wanted:
            if query.seconds == other.seconds and holds_same(query.file, other.file):
                option = "--image" if query.seconds is None else "--frame"
                raise UsageError(
                    f"--not is the same picture as {option}; give with --not {other.file} a "
                    "picture of what the activity is not, or leave it out"
                )


# One parameter under several names: only so does the parser keep their order.
Queries = Annotated[
    tuple[ImageQuery, ...],
    Parameter(
        name=(_IMAGE, _FRAME, _NOT, _BOX),
        converter=parse_queries,
        n_tokens=1,
        accepts_keys=False,
        consume_multiple=True,
    ),
]
