from pathlib import Path

import pytest
from cyclopts import Token

from stillseek.cli.query_options import ImageQuery, parse_queries


def parse(*words: str) -> tuple[ImageQuery, ...]:
    pairs = zip(words[::2], words[1::2], strict=True)
    return parse_queries(None, [Token(keyword=keyword, value=value) for keyword, value in pairs])


def test_box_belongs_to_the_image_before_it() -> None:
    assert parse("--image", "a", "--image", "b", "--box", "1,2,30,40", "--image", "c") == (
        ImageQuery(Path("a")),
        ImageQuery(Path("b"), box=(1, 2, 30, 40)),
        ImageQuery(Path("c")),
    )


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("12.5", 12.5), ("0:42.0", 42.0), ("1:02", 62.0), ("1:00:05.5", 3605.5), ("75:00", 4500.0)],
)
def test_times_of_frames_are_seconds_or_as_they_are_printed(time: str, seconds: float) -> None:
    assert parse("--frame", f"a@b.mp4@{time}") == (ImageQuery(Path("a@b.mp4"), seconds),)


@pytest.mark.parametrize("time", ["", "x", "-1", "nan", "1:60", "1:60:00", ":12", "1:2:3:4"])
def test_what_is_no_time_of_a_frame_is_explained(time: str) -> None:
    with pytest.raises(ValueError, match=r" is not VIDEO@SECONDS, e\.g\. .* or match\.mp4@1:02\.5"):
        parse("--frame", f"v.mp4@{time}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--box", "1,2,30,40", "--image", "a"), "--box 1,2,30,40 has no image before it; give"),
        (
            ("--image", "a", "--box", "1,2,30,40", "--box", "5,6,70,80"),
            "--box 5,6,70,80 has a second box for one image; give one --box after its --image",
        ),
        (("--image", "a", "--box", "1,2,3"), "--box 1,2,3 is not x,y,w,h; give four whole numbers"),
        (("--image", "a", "--box", "1,2,3,4,5"), "--box 1,2,3,4,5 is not x,y,w,h; give four"),
        (("--image", "a", "--box", "1,2,3,x"), "--box 1,2,3,x is not x,y,w,h; give four whole"),
        (("--image", "a", "--box", "1,2,3.5,4"), "--box 1,2,3.5,4 is not x,y,w,h; give four"),
        (("--image", "a", "--box", "-1,2,3,4"), "--box -1,2,3,4 needs x and y of at least 0, and"),
        (("--image", "a", "--box", "1,2,0,4"), "--box 1,2,0,4 needs x and y of at least 0, and a"),
    ],
)
def test_wrong_boxes_are_explained(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        parse(*words)
