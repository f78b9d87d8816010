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
from stillseek.localize.query_image import pixels_of, query_images
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
        ([], r"^a search needs at least one query image, got none$"),
        ("https://host/q.jpg", r"^images https://host/q\.jpg is a URL; "),
    ],
)
def test_what_is_no_picture_is_refused(picture: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        query_images(picture)


# The test run checks types itself, and would be first.
WRONG = """
import sys
import numpy as np
from stillseek import Localizer, UsageError

localizer, picture = Localizer.load(model="matching"), np.zeros((20, 30, 3), np.uint8)
for call in (
    lambda: localizer.locate(3, picture),
    lambda: localizer.locate(b"v.mp4", picture),
    lambda: localizer.locate("http://host/v.mp4", picture),
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
        "model must be one of 'sail', 'matching', got 1",
    ]
