"""Every kind of picture becomes the RGB that people see."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from stillseek.errors import MediaError
from stillseek.media import read_image


def noise(height=5, width=7):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def save(tmp_path):
    def save(image, name, **options):
        path = tmp_path / name
        image.save(path, **options)
        return path

    return save


@pytest.mark.parametrize("pixels", [noise(1, 1), noise()])
def test_rgb_is_read_exactly(pixels, save):
    found = read_image(str(save(Image.fromarray(pixels), "a.png")))
    np.testing.assert_array_equal(found, pixels)
    found[:] = 0  # a copy of its own, writable


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: np.rot90(p, 2)),
        (6, lambda p: np.rot90(p, -1)),
        (8, lambda p: np.rot90(p, 1)),
    ],
)
def test_exif_orientation(orientation, turn, save):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read_image(save(Image.fromarray(noise()), "a.png", exif=exif))
    np.testing.assert_array_equal(found, turn(noise()))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_over_white(mode, save):
    image = Image.new("RGBA", (7, 5), (0, 0, 0, 0))
    image.putpixel((0, 0), (90, 90, 90, 255))
    found = read_image(save(image.convert(mode), "a.png"))
    assert found[0, 0].tolist() == [90, 90, 90]
    assert (found[1:] == 255).all()


def test_half_transparent_is_half_white(save):
    path = save(Image.new("RGBA", (2, 3), (0, 100, 200, 128)), "a.png")
    # 128 / 255 of the colour over white.
    np.testing.assert_allclose(read_image(path)[0, 0], [127, 177, 227], atol=1)


def test_palette_grey_and_bilevel(save):
    red = save(Image.new("RGB", (7, 5), (200, 0, 0)).quantize(2), "p.png")
    assert read_image(red)[0, 0].tolist() == [200, 0, 0]
    assert read_image(save(Image.new("L", (7, 5), 77), "l.png"))[2, 3].tolist() == [77] * 3
    assert read_image(save(Image.new("1", (7, 5), 1), "1.png"))[2, 3].tolist() == [255] * 3


def test_cmyk(save):
    path = save(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "a.jpg", quality=95)
    np.testing.assert_allclose(read_image(path)[8, 8], [255, 0, 0], atol=4)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_first_frame_of_an_animation(name, save):
    frames = [Image.new("RGB", (7, 5), (level,) * 3) for level in (40, 240)]
    path = save(frames[0], name, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(read_image(path), 40, atol=2)


UNREADABLE = "{} is not an image that can be read"
EXPECTED = "expected JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF: check the file or convert it to JPEG"


def _bomb() -> bytes:
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b""))


def _truncated() -> bytes:
    whole = io.BytesIO()
    Image.fromarray(noise(97, 89)).save(whole, "PNG")
    return whole.getvalue()[:9000]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "bomb.png",
            _bomb(),
            "{} announces more than 178956970 pixels; expected fewer, so that a hostile file "
            "cannot fill the memory: scale it down first",
        ),
        ("a.jpg", b"no image", f"{UNREADABLE} (no known format); {EXPECTED}"),
        ("a.png", _truncated(), f"{UNREADABLE} (image file is truncated); {EXPECTED}"),
        ("gone.png", None, "no file at {}; expected an image: check the path"),
        ("", None, "{} is a directory, not an image; pass one file of it"),
        ("a.png", b"", "{} is empty (0 bytes); expected an image: copy or download it again"),
    ],
    ids=["bomb", "text", "truncated", "missing", "directory", "empty"],
)
def test_what_is_no_image_is_refused_in_one_line(name, content, message, tmp_path):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError) as failure:
        read_image(path)
    assert str(failure.value) == message.format(path)


def test_orientation_is_applied_beside_an_odd_tag(save):
    # The resolution as a text, which Pillow reads and cannot write.
    raw = (
        b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02"
        b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
        b"\x01\x1a\0\x02\0\0\0\x03" + b"72\0\0" + b"\0\0\0\0"
    )
    path = save(Image.fromarray(noise()), "a.png", exif=raw)
    with Image.open(path) as image, pytest.raises(TypeError):
        ImageOps.exif_transpose(image)
    np.testing.assert_array_equal(read_image(path), np.rot90(noise(), -1))


def test_metadata_that_cannot_be_read_is_ignored(save):
    path = save(Image.fromarray(noise()), "a.png", exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(read_image(path), noise())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.25, 1.0]], np.float32), [0, 64, 255]),
        (np.array([[0.0, 64.5, 255.0]], np.float32), [0, 64, 255]),
        (np.array([[0.5, 32768.0, 65535.0]], np.float32), [0, 128, 255]),
        (np.array([[-3.0, 0.0, 3.0]], np.float32), [0, 128, 255]),
        (np.array([[np.nan, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0, 2048, 4095]], np.uint16), [0, 128, 255]),
        (np.array([[0, 512, 1023]], np.uint16), [0, 128, 255]),
        (np.array([[0, 8192, 16383]], np.uint16), [0, 128, 255]),
        (np.array([[0, 100, 255]], np.uint16), [0, 100, 255]),
        (np.array([[0, 257, 32896, 65535]], np.uint16), [0, 1, 128, 255]),
        (np.array([[0, 0, 0]], np.uint16), [0, 0, 0]),
        (np.array([[0, 100000, 200000]], np.int32), [0, 128, 255]),
    ],
)
def test_deep_grey_is_scaled_by_its_range(values, expected, save):
    for name in ("a.tiff", "a.png") if values.dtype == np.uint16 else ("a.tiff",):
        found = read_image(save(Image.fromarray(values), name))
        assert found[0].tolist() == [[level] * 3 for level in expected]


def test_a_large_picture_is_read_without_a_word(save, monkeypatch):
    # More pixels than Pillow is silent about, fewer than are refused.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    np.testing.assert_array_equal(read_image(save(Image.fromarray(noise()), "a.png")), noise())


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("name", ["a.avif", "a.webp", "a.jpg", "a.png", "a.tiff", "a.gif"])
def test_damaged_pictures_are_one_line(name, fraction, save):
    path = save(Image.fromarray(noise(97, 89)), name)
    data = bytearray(path.read_bytes())
    begin = int(len(data) * fraction)
    data[begin : begin + 40] = np.random.default_rng(1).bytes(40)
    path.write_bytes(data)
    try:
        outcome = str(read_image(path).shape)
    except MediaError as error:
        outcome = str(error)
    assert "\n" not in outcome
    assert outcome.startswith(("(97, 89, 3)", f"{UNREADABLE.format(path)} ("))


def test_whatever_a_decoder_raises_is_one_line(save, monkeypatch):
    path = save(Image.new("RGB", (7, 5)), "a.png")
    for error in (RuntimeError("first\nsecond"), TypeError(), IndexError("out"), MemoryError()):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", fail)
        with pytest.raises(MediaError) as failure:
            read_image(path)
        reason = str(error).split("\n")[0] or type(error).__name__
        assert str(failure.value) == f"{UNREADABLE.format(path)} ({reason}); {EXPECTED}"


@pytest.mark.parametrize(
    ("name", "head", "format_name", "advice"),
    [
        ("a.heic", b"\0\0\0\x24ftypheic\0\0\0\0", "HEIC (a phone's)", "export it as JPEG"),
        ("a.jpg", b"\0\0\0\x24ftypmif1\0\0\0\0", "HEIC (a phone's)", "export it as JPEG"),
        ("a.jxl", b"\xff\x0a\x12\x34", "JPEG XL", "convert it to JPEG or PNG"),
        ("b.jxl", b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL", "convert it to JPEG or PNG"),
        ("a.svg", b"<svg xmlns='x'></svg>", "SVG (a drawing)", "export it as PNG"),
        (
            "b.svg",
            b'<?xml version="1.0"?>\n<!-- by hand -->\n<svg></svg>',
            "SVG (a drawing)",
            "export it as PNG",
        ),
        ("a.pdf", b"%PDF-1.7\n", "PDF", "export its page as PNG"),
    ],
)
def test_formats_that_are_not_read_are_named(name, head, format_name, advice, tmp_path):
    path = tmp_path / name
    path.write_bytes(head + bytes(50))
    with pytest.raises(MediaError) as failure:
        read_image(path)
    assert str(failure.value) == (
        f"{path} is a picture in {format_name} format, which is not read; "
        f"expected JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF: {advice}"
    )


def test_damaged_tiffs_are_refused_without_a_word_of_libtiff(save, capfd):
    path = save(Image.fromarray(noise(41, 23)), "a.tiff", compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[20:120] = b"\x5a" * 100
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"is not an image that can be read \(decoder error -2\)"):
        read_image(path)
    assert capfd.readouterr() == ("", "")
