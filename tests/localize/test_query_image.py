import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stillseek.errors import MediaError, UsageError
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


@pytest.mark.usefixtures("use_small_recipe")
def test_every_kind_of_picture_is_the_same_query(
    small_head: Path, write_clip: Make, write_picture: Make
) -> None:
    localizer, video, path = Localizer.load(checkpoint=small_head), write_clip(), write_picture()
    expected = localizer.locate(video, path)

    with Image.open(path) as image:
        kinds = (str(path), path.read_bytes(), image.copy(), np.asarray(image))
    for picture in kinds:
        for given in (picture, [picture], (picture, path)):
            found = localizer.locate(video, given)
            assert found.start_probabilities == pytest.approx(
                expected.start_probabilities, rel=1e-5
            )
    assert [found.to_json_dict()["image"] for found in [localizer.locate(video, kinds)]] == [
        [str(path), None, None, None]
    ]


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
    (pixels,) = query_images(image)

    assert isinstance(pixels, np.ndarray)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (7, 13, 3))
    if mode in ("RGB", "RGBA"):
        assert np.array_equal(pixels, ramp)
    elif mode in ("L", "P", "LA", "YCbCr", "HSV"):
        expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(pixels, expected)


def test_transparency_is_over_white() -> None:
    (pixels,) = query_images(Image.new("RGBA", (11, 9), (0, 0, 255, 0)))

    assert isinstance(pixels, np.ndarray)
    assert (pixels == 255).all()


def test_pictures_of_phones_are_turned() -> None:
    image, exif = Image.new("RGB", (19, 11)), Image.Exif()
    exif[0x0112] = 6
    content = encoded(image, "JPEG", exif=exif)

    for picture in (content, Image.open(BytesIO(content))):
        (pixels,) = query_images(picture)
        assert isinstance(pixels, np.ndarray)
        assert pixels.shape == (19, 11, 3)


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
        (got,) = query_images(given)
        assert isinstance(got, np.ndarray)
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
WRONG = """
import sys
from pathlib import Path
import numpy as np
from stillseek import (
    Explanation, Localization, Localizer, Ranking, RecipeOptions, Segment, UsageError, VideoFrame,
    cut_moments, plot_explanation, plot_localization, write_handoff, write_ranking, write_report,
    Selection, cut_selections, write_selections,
)

found = Localization(
    video=Path("v.mp4"), images=(Path("q.png"),), boxes=(None,), recipe="lite",
    fingerprint="f" * 64, model="sail:lite", duration_seconds=7.0, presence=None, moments=(),
    steps=(Segment(0.0, 7.0),), start_probabilities=np.ones(1), end_probabilities=np.ones(1),
)

localizer, picture = Localizer.load(model="matching"), np.zeros((20, 30, 3), np.uint8)
for call in (
    lambda: localizer.locate(3, picture),
    lambda: localizer.locate(b"v.mp4", picture),
    lambda: localizer.locate("http://host/v.mp4", picture),
    lambda: localizer.locate("", picture),
    lambda: localizer.locate_many(["v.mp4", ""], picture),
    lambda: Localizer.load(cache=""),
    lambda: Localizer.load(checkpoint=""),
    lambda: write_handoff([found], ""),
    lambda: localizer.locate("v.mp4", ["q.png", ""]),
    lambda: localizer.locate("v.mp4", VideoFrame("", 2.0)),
    lambda: localizer.locate("v.mp4", 3),
    lambda: localizer.locate("v.mp4", picture, top="2"),
    lambda: localizer.locate("v.mp4", picture, top=2.0),
    lambda: localizer.locate("v.mp4", picture, top=True),
    lambda: localizer.locate("v.mp4", picture, top=0),
    lambda: localizer.locate("v.mp4", picture, decode="best"),
    lambda: localizer.locate("v.mp4", picture, search=3),
    lambda: localizer.locate("v.mp4", picture, boxes=(0, 0, 9, 9)),
    lambda: localizer.locate("v.mp4", picture, boxes=7),
    lambda: localizer.locate("v.mp4", picture, boxes=[(0, 0, 9.5, 9)]),
    lambda: localizer.locate("v.mp4", picture, boxes=[(0, 0, 1, 1)]),
    lambda: localizer.locate("v.mp4", picture, boxes=[None, None]),
    lambda: localizer.locate("v.mp4", picture, on_progress=3),
    lambda: Localizer.load(3),
    lambda: Localizer.load(recipe_options="cpu"),
    lambda: Localizer.load(checkpoint=3),
    lambda: Localizer.load(cache=3),
    lambda: Localizer.load(device=0),
    lambda: Localizer.load(threads="2"),
    lambda: Localizer.load(model=1),
    lambda: localizer.locate("v.mp4", []),
    lambda: localizer.locate("v.mp4", picture, unlike=[]),
    lambda: localizer.locate("v.mp4", picture, unlike=3),
    lambda: localizer.locate("v.mp4", picture, unlike=[picture, float("nan")]),
    lambda: localizer.locate("v.mp4", iter([picture])),
    lambda: localizer.locate("v.mp4", VideoFrame("w.mp4", True)),
    lambda: localizer.locate("v.mp4", VideoFrame("w.mp4", "2")),
    lambda: localizer.locate("v.mp4", VideoFrame(b"w.mp4", 2.0)),
    lambda: localizer.locate("v.mp4", picture, top=float("nan")),
    lambda: localizer.locate("v.mp4", picture, top=np.bool_(1)),
    lambda: localizer.locate("v.mp4", picture, top=np.float64(2)),
    lambda: localizer.locate("v.mp4", picture, top=-np.int64(1)),
    lambda: localizer.locate("v.mp4", picture, decode=["joint"]),
    lambda: localizer.locate("v.mp4", picture, search=["pooled"]),
    lambda: localizer.locate("v.mp4", picture, boxes=[]),
    lambda: localizer.locate("v.mp4", picture, boxes="all"),
    lambda: localizer.locate("v.mp4", picture, boxes=np.array([[0, 0, 9, 9]])),
    lambda: localizer.locate("v.mp4", picture, boxes=[(0, 0, float("inf"), 9)]),
    lambda: localizer.locate("v.mp4", picture, boxes=[(0, 0, float("nan"), 9)]),
    lambda: localizer.locate("v.mp4", picture, boxes=[(0, 0, True, 9)]),
    lambda: localizer.locate("v.mp4", picture, boxes=[(0, 0, 10**30, 9)]),
    lambda: localizer.locate("v.mp4", picture, boxes=[(-3, 0, 9, 9)]),
    lambda: localizer.locate_many(["v.mp4", 3], picture),
    lambda: localizer.locate_many(iter(["v.mp4"]), picture),
    lambda: localizer.locate_many([], picture),
    lambda: localizer.explain("found"),
    lambda: Segment("0", 2.0),
    lambda: Segment(None, 2.0),
    lambda: Segment(0.0, float("nan")),
    lambda: RecipeOptions(weights=3),
    lambda: RecipeOptions(device=0),
    lambda: RecipeOptions(precision=["fp32"]),
    lambda: plot_localization("found", "p.png"),
    lambda: write_report(None, "r.html"),
    lambda: write_handoff([{}], "m.edl"),
    lambda: write_handoff(found, "m.edl"),
    lambda: write_selections([found], "m.edl"),
    lambda: write_selections([], "m.edl", format="avid"),
    lambda: write_selections([], "m.edl", pad_seconds="1"),
    lambda: write_selections([], "m.edl", start_at_zero=1),
    lambda: write_selections([], "m.edl", reel=7),
    lambda: cut_selections(found, "clips"),
    lambda: cut_selections([], "clips", copy="yes"),
    lambda: Selection(video="v.mp4", segment=Segment(0.0, 1.0)),
    lambda: Selection(video=Path("v.mp4"), segment=(0.0, 1.0)),
    lambda: cut_moments(picture, "clips"),
    lambda: plot_explanation(found, "p.png"),
    lambda: write_ranking([found], "t.csv"),
    lambda: plot_localization(found, 3),
    lambda: plot_localization(found, b"p.png"),
    lambda: plot_localization(found, "p.png", true_segment=(1.0, 2.0)),
    lambda: plot_localization(found, "p.png", overwrite="no"),
    lambda: write_report(found, None),
    lambda: write_report(found, "r.html", true_segment=2.0),
    lambda: write_handoff([found], ["m.edl"]),
    lambda: cut_moments(found, 3),
    lambda: plot_explanation(Explanation(localization=found, frames=()), 3),
    lambda: write_ranking(Ranking(results=(found,), failures=(), ranked_by=None), 3),
):
    try:
        call()
    except UsageError as error:
        print(error)
"""


def test_wrong_arguments_are_named() -> None:
    done = subprocess.run([sys.executable, "-c", WRONG], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "video must be a path, got int",
        "video must be a path, got bytes",
        "video http://host/v.mp4 is a URL; give a path on this machine (download what is to be "
        "read)",
        "video is empty; give a path",
        "videos[1] is empty; give a path",
        "cache is empty; give a path",
        "checkpoint is empty; give a path",
        "path is empty; give a path",
        "images[1] is empty; give a path",
        "images is empty; give a path",
        "images must be a path, a VideoFrame(path, seconds), the bytes of an encoded picture, an "
        "image of Pillow, or an array (height, width, 3) of uint8; or a sequence of these; got int",
        "top must be a whole number, got '2'",
        "top must be a whole number, got 2.0",
        "top must be a whole number, got True",
        "top must be at least 1, got 0",
        "there is no decoding 'best'; use one of 'joint', 'independent'",
        "search must be one of 'refined', 'exhaustive', 'pooled', got 3",
        "boxes[0] must be None or (left, top, width, height) in whole pixels, got 0",
        "boxes must be a sequence, one an image, got int",
        "boxes[0] must be None or (left, top, width, height) in whole pixels, got (0, 0, 9.5, 9)",
        "box 0,0,1,1 (x,y,width,height) is too small; give a box of at least 8 x 8 pixels inside "
        "the image of 30 x 20 pixels",
        "got 2 boxes for 1 images; give one each",
        "on_progress must be a function, got int",
        "recipe must be a name or a recipe, got int",
        "recipe_options must be RecipeOptions, got str",
        "checkpoint must be a path, got int",
        "cache must be a path, got int",
        "device must be a name, such as cpu or cuda, got int",
        "threads must be a whole number, got '2'",
        "model must be one of 'sail', 'similarity', 'matching', got 1",
        "images holds no picture; give at least one",
        "unlike holds no picture; give at least one",
        "unlike must be a path, a VideoFrame(path, seconds), the bytes of an encoded picture,"
        " an image of Pillow, or an array (height, width, 3) of uint8; or a sequence of "
        "these; got int",
        "unlike[1] must be a path, a VideoFrame(path, seconds), the bytes of an encoded "
        "picture, an image of Pillow, or an array (height, width, 3) of uint8; got float",
        "images must be a path, a VideoFrame(path, seconds), the bytes of an encoded picture,"
        " an image of Pillow, or an array (height, width, 3) of uint8; or a sequence of "
        "these; got list_iterator",
        "seconds must be a finite number, at least 0, got True",
        "seconds must be a finite number, at least 0, got '2'",
        "path must be a path, got bytes",
        "top must be a whole number, got nan",
        "top must be a whole number, got np.True_",
        "top must be a whole number, got np.float64(2.0)",
        "top must be at least 1, got -1",
        "there is no decoding ['joint']; use one of 'joint', 'independent'",
        "search must be one of 'refined', 'exhaustive', 'pooled', got ['pooled']",
        "got 0 boxes for 1 images; give one each",
        "boxes[0] must be None or (left, top, width, height) in whole pixels, got 'a'",
        "boxes must be a sequence, one an image, got ndarray",
        "boxes[0] must be None or (left, top, width, height) in whole pixels, got (0, 0, inf, 9)",
        "boxes[0] must be None or (left, top, width, height) in whole pixels, got (0, 0, nan, 9)",
        "boxes[0] must be None or (left, top, width, height) in whole pixels, got (0, 0, True, 9)",
        "box 0,0,1000000000000000000000000000000,9 (x,y,width,height) does not lie inside the"
        " image; give a box of at least 8 x 8 pixels inside the image of 30 x 20 pixels",
        "box -3,0,9,9 (x,y,width,height) does not lie inside the image; give a box of at "
        "least 8 x 8 pixels inside the image of 30 x 20 pixels",
        "videos[1] must be a path, got int",
        "videos must be a path, or a sequence of paths, got list_iterator",
        "there is no video to search; give files or folders",
        "found must be a Localization, such as locate returns, got str",
        "a segment needs 0 <= start < end in finite seconds, got ['0', 2.0); check the two times",
        "a segment needs 0 <= start < end in finite seconds, got [None, 2.0); check the two times",
        "a segment needs 0 <= start < end in finite seconds, got [0.0, nan); check the two times",
        "weights must be a path, or None, got int",
        "device must be a name, such as cpu or cuda, got int",
        "there is no precision ['fp32']; use auto, fp32, bf16",
        "localization must be a Localization, such as locate returns, got str",
        "localization must be a Localization, such as locate returns, got NoneType",
        "a result must be a Localization, such as locate returns, got dict",
        "results must be a sequence of Localization, got Localization",
        "a selection must be a Selection, got Localization",
        "format must be one of 'edl', 'fcpxml', 'otio', 'premiere', 'resolve', 'vtt', 'csv', "
        "'json', got 'avid'",
        "handles must be 0 or more seconds, got '1'",
        "start_at_zero must be True or False, got int",
        "reel must be a text, or None, got int",
        "selections must be a sequence of Selection, got Localization",
        "copy must be True or False, got str",
        "video must be a Path, got str",
        "segment must be a Segment, got tuple",
        "localization must be a Localization, such as locate returns, got ndarray",
        "explanation must be an Explanation, such as explain returns, got Localization",
        "ranking must be a Ranking, such as locate_many returns, got list",
        "path must be a path, got int",
        "path must be a path, got bytes",
        "true_segment must be a Segment, or None, got tuple",
        "overwrite must be True or False, got str",
        "path must be a path, got NoneType",
        "true_segment must be a Segment, or None, got float",
        "path must be a path, got list",
        "path must be a path, got int",
        "path must be a path, got int",
        "path must be a path, got int",
    ]


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
