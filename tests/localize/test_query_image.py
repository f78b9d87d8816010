import re
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stillseek.errors import MediaError, UsageError
from stillseek.localize.localization import Localization
from stillseek.localize.localizer import Localizer
from stillseek.localize.plot import plot_localization
from stillseek.localize.query_image import VideoFrame, pixels_of, query_images
from stillseek.localize.report import write_report
from stillseek.media import read_image

Make = Callable[..., Path]


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    content = BytesIO()
    image.save(content, format=kind, **options)
    return content.getvalue()


def pixels_in(picture: object) -> np.ndarray:
    (pixels,) = query_images(picture)
    assert isinstance(pixels, np.ndarray)
    return pixels


@pytest.mark.usefixtures("use_small_recipe")
def test_every_kind_of_picture_is_the_same_query(
    small_head: Path, write_clip: Make, write_picture: Make
) -> None:
    localizer, video, path = Localizer.load(checkpoint=small_head), write_clip(), write_picture()
    features = localizer.encode_video(video)

    def locate(given) -> Localization:
        return localizer.locate_features(features, localizer.encode_query(given), video=video)

    expected = pytest.approx(locate(path).start_probabilities, rel=1e-5)
    with Image.open(path) as image:
        kinds = (str(path), path.read_bytes(), image.copy(), np.asarray(image))
    for picture in kinds:
        for given in (picture, [picture], (picture, path)):
            assert locate(given).start_probabilities == expected
    assert locate(kinds).to_json_dict()["image"] == [str(path), None, None, None]


@pytest.mark.usefixtures("use_small_recipe")
def test_a_picture_without_a_file_is_drawn(
    small_head: Path, write_clip: Make, write_picture: Make, tmp_path: Path
) -> None:
    pixels = read_image(write_picture())
    found = Localizer.load(checkpoint=small_head).locate(write_clip(), pixels)
    pixels[:] = 0

    write_report(found, tmp_path / "r.html")

    text = (tmp_path / "r.html").read_text()
    assert 'alt="Query image picture"' in text
    assert pixels_of(found.images[0]).max() > 0


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK", "YCbCr", "HSV", "F", "I"]
)
def test_images_of_every_mode_show_what_their_file_would(mode: str, tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 13 * 7 * 3).reshape(7, 13, 3).astype(np.uint8)
    colours = Image.fromarray(ramp)
    image = colours.convert("L").convert("I;16") if mode == "I;16" else colours.convert(mode)
    pixels = pixels_in(image)

    assert (pixels.dtype, pixels.shape) == (np.uint8, (7, 13, 3))
    if mode in ("RGB", "RGBA", "L", "P", "LA", "YCbCr", "HSV"):
        expected = ramp if mode.startswith("RGB") else np.asarray(image.convert("RGB"))
        assert np.array_equal(pixels, expected)


def test_transparency_is_over_white() -> None:
    assert (pixels_in(Image.new("RGBA", (11, 9), (0, 0, 255, 0))) == 255).all()


def test_pictures_of_phones_are_turned() -> None:
    image, exif = Image.new("RGB", (19, 11)), Image.Exif()
    exif[0x0112] = 6
    content = encoded(image, "JPEG", exif=exif)

    for picture in (content, Image.open(BytesIO(content))):
        assert pixels_in(picture).shape == (19, 11, 3)


def test_arrays_of_every_layout_show_the_same() -> None:
    pixels = np.random.default_rng(11).integers(0, 256, (14, 11, 3), dtype=np.uint8)
    fixed, turned = pixels.copy(), np.asfortranarray(pixels)
    fixed.flags.writeable = False

    for given, expected in (
        (fixed, pixels),
        (turned, pixels),
        (pixels[::-1, ::2], pixels[::-1, ::2].copy()),
        (pixels[..., ::-1], pixels[..., ::-1].copy()),
    ):
        got = pixels_in(given)
        assert np.array_equal(got, expected)
        assert got.flags.c_contiguous
        assert got.flags.writeable


def test_images_of_pillow_that_cannot_be_read_are_told_in_one_line() -> None:
    noise = np.random.default_rng(13).integers(0, 256, (37, 41, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(noise), "PNG")
    closed = Image.open(BytesIO(content))
    closed.close()

    for picture, reason in (
        (Image.open(BytesIO(content[: len(content) // 2])), "image file is truncated"),
        (Image.open(BytesIO(encoded(Image.fromarray(noise), "JPEG")[:-700])), "truncated"),
        (closed, "Operation on closed image"),
    ):
        with pytest.raises(MediaError) as raised:
            query_images([picture])
        message = str(raised.value)
        assert message.startswith("images[0] (an image of Pillow) is not an image that can be read")
        assert reason in message
        assert "\n" not in message


def test_an_image_of_pillow_has_the_limit_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillseek.localize.query_image.MAX_PIXELS", 7 * 13 - 1)
    # Not even loaded: its data is missing.
    image = Image.open(BytesIO(encoded(Image.new("RGB", (7, 13)), "PNG")[:45]))

    with pytest.raises(UsageError, match=r"^images has 7 x 13 pixels; expected at most 90 in all"):
        query_images(image)


def test_bytes_that_are_no_picture() -> None:
    with pytest.raises(MediaError, match=r"^images\[1\] \(bytes\) is not an image that can be "):
        query_images([encoded(Image.new("RGB", (9, 9)), "PNG"), b"notes"])
    with pytest.raises(MediaError, match=r"^images \(bytes\) is empty"):
        query_images(b"")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (3, r"^images must be a path, a VideoFrame.*; or a sequence of these; got int$"),
        (None, r"; got NoneType$"),
        ({"a.jpg"}, r"; got set$"),
        (["a.jpg", 3.5], r"^images\[1\] must be a path, a VideoFrame.* of uint8; got float$"),
        ([["a.jpg"]], r"^images\[0\] must be a path, .*; got list$"),
        (np.zeros((5, 7), np.uint8), r"^images must be an array .*, got \(5, 7\) of uint8; "),
        (np.zeros((5, 7, 3)), r"got \(5, 7, 3\) of float64; convert it first$"),
        (np.zeros((5, 7, 4), np.uint8), r"got \(5, 7, 4\) of uint8"),
        (np.zeros((2, 5, 7, 3), np.uint8), r"got \(2, 5, 7, 3\) of uint8"),
        (np.zeros((0, 7, 3), np.uint8), r"got \(0, 7, 3\) of uint8"),
        ([], r"^images holds no picture; give at least one$"),
        ((), r"^images holds no picture; give at least one$"),
        ((each for each in ("a.jpg",)), r"; or a sequence of these; got generator$"),
        (bytearray(b"x"), r"; got bytearray$"),
        (memoryview(b"x"), r"; got memoryview$"),
        (np.zeros((7, 0, 3), np.uint8), r"got \(7, 0, 3\) of uint8"),
        (Image.new("RGB", (0, 7)), r"^images is an image without pixels; expected at least one$"),
        # Views of one pixel: nothing of their size is ever made.
        (
            np.broadcast_to(np.uint8(7), (13_381, 13_375, 3)),
            r"^images has 13375 x 13381 pixels; expected at most 178956970 in all: scale it down ",
        ),
        (["a.jpg", np.broadcast_to(np.uint8(7), (1, 178_956_971, 3))], r"^images\[1\] has 1789569"),
        ("https://host/q.jpg", r"^images https://host/q\.jpg is a URL; "),
    ],
)
def test_what_is_no_picture_is_refused(picture: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        query_images(picture)


@pytest.mark.parametrize("seconds", [-0.5, float("nan"), float("inf")])
def test_times_that_no_video_has_are_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match=r"^seconds must be a finite number, at least 0, got "):
        VideoFrame("match.mp4", seconds)


# The test run checks types itself, and would be first.
TELL = """
import sys
from pathlib import Path
import numpy as np
from stillseek import *
from stillseek import Localization, UsageError

found = Localization(
    video=Path("v.mp4"), images=(Path("q.png"),), boxes=(None,), recipe="lite",
    fingerprint="f" * 64, model="sail:lite", duration_seconds=7.0, presence=None, moments=(),
    steps=(Segment(0.0, 7.0),), start_probabilities=np.ones(1), end_probabilities=np.ones(1),
)
ranking = Ranking(results=(found,), failures=(), ranked_by=None)
localizer, pixels = Localizer.load(model="matching"), np.zeros((20, 30, 3), np.uint8)

def locate(video="v.mp4", picture=pixels, **words):
    return localizer.locate(video, picture, **words)

for call in sys.stdin:
    try:
        eval(call)
    except UsageError as error:
        print(error)
"""

CALLS = """
locate(3) -> video must be a path, got int
locate(b"v.mp4") -> video must be a path, got bytes
locate("http://host/v.mp4") -> video http://host/v.mp4 is a URL; give DOWNLOADED
locate("") -> video is empty; give a path
localizer.locate_many(["v.mp4", ""], pixels) -> videos[1] is empty; give a path
localizer.locate_many(["v.mp4", 3], pixels) -> videos[1] must be a path, got int
localizer.locate_many(iter(["v.mp4"]), pixels) -> videos must be PATHS, got list_iterator
localizer.locate_many([], pixels) -> there is no video to search; give files or folders
localizer.explain("found") -> found must be FOUND, got str
Localizer.load(3) -> recipe must be a name or a recipe, got int
Localizer.load(recipe_options="cpu") -> recipe_options must be RecipeOptions, got str
Localizer.load(checkpoint=3) -> checkpoint must be a path, got int
Localizer.load(checkpoint="") -> checkpoint is empty; give a path
Localizer.load(cache=3) -> cache must be a path, got int
Localizer.load(cache="") -> cache is empty; give a path
Localizer.load(device=0) -> device must be a name, such as cpu or cuda, got int
Localizer.load(threads="2") -> threads must be a whole number, got '2'
Localizer.load(model=1) -> model must be one of 'sail', 'similarity', 'matching', got 1
locate(picture=["q.png", ""]) -> images[1] is empty; give a path
locate(picture=VideoFrame("", 2.0)) -> images is empty; give a path
locate(picture=3) -> images must be PICTURE; or a sequence of these; got int
locate(picture=iter([pixels])) -> images must be PICTURE; or a sequence of these; got list_iterator
locate(picture=[]) -> images holds no picture; give at least one
locate(picture=VideoFrame("w.mp4", True)) -> seconds must be a finite number, at least 0, got True
locate(picture=VideoFrame("w.mp4", "2")) -> seconds must be a finite number, at least 0, got '2'
locate(picture=VideoFrame(b"w.mp4", 2.0)) -> path must be a path, got bytes
locate(unlike=[]) -> unlike holds no picture; give at least one
locate(unlike=3) -> unlike must be PICTURE; or a sequence of these; got int
locate(unlike=[pixels, float("nan")]) -> unlike[1] must be PICTURE; got float
locate(top="2") -> top must be a whole number, got '2'
locate(top=2.0) -> top must be a whole number, got 2.0
locate(top=True) -> top must be a whole number, got True
locate(top=float("nan")) -> top must be a whole number, got nan
locate(top=np.bool_(1)) -> top must be a whole number, got np.True_
locate(top=np.float64(2)) -> top must be a whole number, got np.float64(2.0)
locate(top=0) -> top must be at least 1, got 0
locate(top=-np.int64(1)) -> top must be at least 1, got -1
locate(decode="best") -> there is no decoding 'best'; use one of 'joint', 'independent'
locate(decode=["joint"]) -> there is no decoding ['joint']; use one of 'joint', 'independent'
locate(search=3) -> search must be one of 'refined', 'exhaustive', 'pooled', got 3
locate(search=["pooled"]) -> search must be one of 'refined', 'exhaustive', 'pooled', got ['pooled']
locate(on_progress=3) -> on_progress must be a function, got int
locate(boxes=7) -> boxes must be a sequence, one an image, got int
locate(boxes=np.array([[0, 0, 9, 9]])) -> boxes must be a sequence, one an image, got ndarray
locate(boxes=(0, 0, 9, 9)) -> boxes[0] must be None or BOX, got 0
locate(boxes="all") -> boxes[0] must be None or BOX, got 'a'
locate(boxes=[(0, 0, 9.5, 9)]) -> boxes[0] must be None or BOX, got (0, 0, 9.5, 9)
locate(boxes=[(0, 0, float("inf"), 9)]) -> boxes[0] must be None or BOX, got (0, 0, inf, 9)
locate(boxes=[(0, 0, float("nan"), 9)]) -> boxes[0] must be None or BOX, got (0, 0, nan, 9)
locate(boxes=[(0, 0, True, 9)]) -> boxes[0] must be None or BOX, got (0, 0, True, 9)
locate(boxes=[None, None]) -> got 2 boxes for 1 images; give one each
locate(boxes=[]) -> got 0 boxes for 1 images; give one each
locate(boxes=[(0, 0, 1, 1)]) -> box 0,0,1,1 (x,y,width,height) is too small; give INSIDE
locate(boxes=[(0, 0, 10**30, 9)]) -> box 0,0,1000000000000000000000000000000,9 OUTSIDE
locate(boxes=[(-3, 0, 9, 9)]) -> box -3,0,9,9 OUTSIDE
Segment("0", 2.0) -> TIMES, got ['0', 2.0); CHECK
Segment(None, 2.0) -> TIMES, got [None, 2.0); CHECK
Segment(0.0, float("nan")) -> TIMES, got [0.0, nan); CHECK
RecipeOptions(weights=3) -> weights must be a path, or None, got int
RecipeOptions(device=0) -> device must be a name, such as cpu or cuda, got int
RecipeOptions(precision=["fp32"]) -> there is no precision ['fp32']; use auto, fp32, bf16
plot_localization("found", "p.png") -> localization must be FOUND, got str
plot_localization(found, 3) -> path must be a path, got int
plot_localization(found, b"p.png") -> path must be a path, got bytes
plot_localization(found, "p.png", true_segment=(1.0, 2.0)) -> true_segment must be TRUE, got tuple
plot_localization(found, "p.png", overwrite="no") -> overwrite must be True or False, got str
plot_explanation(found, "p.png") -> explanation must be EXPLAINED, got Localization
plot_explanation(Explanation(localization=found, frames=()), 3) -> path must be a path, got int
write_report(None, "r.html") -> localization must be FOUND, got NoneType
write_report(found, None) -> path must be a path, got NoneType
write_report(found, "r.html", true_segment=2.0) -> true_segment must be TRUE, got float
write_ranking([found], "t.csv") -> ranking must be RANKED, got list
write_ranking(ranking, 3) -> path must be a path, got int
write_handoff([found], "") -> path is empty; give a path
write_handoff([found], ["m.edl"]) -> path must be a path, got list
write_handoff([{}], "m.edl") -> a result must be FOUND, got dict
write_handoff(found, "m.edl") -> results must be a sequence of Localization, got Localization
write_selections([found], "m.edl") -> a selection must be a Selection, got Localization
write_selections([], "m.edl", format="avid") -> format must be one of FORMATS, got 'avid'
write_selections([], "m.edl", pad_seconds="1") -> handles must be 0 or more seconds, got '1'
write_selections([], "m.edl", start_at_zero=1) -> start_at_zero must be True or False, got int
write_selections([], "m.edl", reel=7) -> reel must be a text, or None, got int
cut_selections(found, "clips") -> selections must be a sequence of Selection, got Localization
cut_selections([], "clips", copy="yes") -> copy must be True or False, got str
cut_moments(pixels, "clips") -> localization must be FOUND, got ndarray
cut_moments(found, 3) -> path must be a path, got int
Selection(video="v.mp4", segment=Segment(0.0, 1.0)) -> video must be a Path, got str
Selection(video=Path("v.mp4"), segment=(0.0, 1.0)) -> segment must be a Segment, got tuple
"""

SAID = {
    "DOWNLOADED": "a path on this machine (download what is to be read)",
    "PATHS": "a path, or a sequence of paths",
    "PICTURE": "a path, a VideoFrame(path, seconds), the bytes of an encoded picture, an image of "
    "Pillow, or an array (height, width, 3) of uint8",
    "BOX": "(left, top, width, height) in whole pixels",
    "OUTSIDE": "(x,y,width,height) does not lie inside the image; give INSIDE",
    "INSIDE": "a box of at least 8 x 8 pixels inside the image of 30 x 20 pixels",
    "TIMES": "a segment needs 0 <= start < end in finite seconds",
    "CHECK": "check the two times",
    "FOUND": "a Localization, such as locate returns",
    "EXPLAINED": "an Explanation, such as explain returns",
    "RANKED": "a Ranking, such as locate_many returns",
    "TRUE": "a Segment, or None",
    "FORMATS": "'edl', 'fcpxml', 'otio', 'premiere', 'resolve', 'vtt', 'csv', 'json'",
}


def test_wrong_arguments_are_named() -> None:
    calls, messages = zip(*(line.split(" -> ") for line in CALLS.strip().splitlines()), strict=True)
    expected = "\n".join(messages)
    for short, full in SAID.items():
        expected = re.sub(rf"\b{short}\b", full, expected)

    done = subprocess.run(
        [sys.executable, "-c", TELL],
        input="\n".join(calls),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == expected.splitlines()


@pytest.mark.usefixtures("use_small_recipe")
def test_no_output_replaces_a_file_that_pillow_opened(
    small_head, write_clip, write_picture
) -> None:
    picture = write_picture()
    before = picture.read_bytes()
    with Image.open(picture) as opened:
        found = Localizer.load(checkpoint=small_head).locate(write_clip(), opened)

    with pytest.raises(UsageError, match="would overwrite the input"):
        plot_localization(found, picture, overwrite=True)

    assert picture.read_bytes() == before


@pytest.mark.usefixtures("use_small_recipe")
def test_null_bytes_in_paths_are_named(small_head, write_clip, write_picture) -> None:
    localizer = Localizer.load(checkpoint=small_head)

    with pytest.raises(UsageError, match="video holds a null byte"):
        localizer.locate("a\0b.mp4", write_picture())
    with pytest.raises(UsageError, match="images holds a null byte"):
        localizer.locate(write_clip(), "a\0b.png")
