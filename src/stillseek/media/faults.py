"""What can be wrong with a media file, and the one line that people read about it."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from stillseek.errors import MediaError, TruncatedMediaWarning

_ANIMATIONS = "MP4, MKV, WebM, MOV, AVI, GIF or the like"
_PICTURES = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"


def check_file(path: Path, kind: Literal["video", "image"]) -> None:
    """Refuses what no decoder has to look at.

    Raises:
        MediaError: The path is missing, not a regular file, empty or not readable.
    """
    a_kind = f"an {kind}" if kind == "image" else f"a {kind}"
    try:
        if not path.exists():
            raise MediaError(f"no file at {path}; expected {a_kind}: check the path")
        if path.is_dir():
            raise MediaError(f"{path} is a directory, not {a_kind}; pass one file of it")
        if not path.is_file():
            raise MediaError(f"{path} is a device or pipe; expected {a_kind} stored as a file")
        with path.open("rb") as file:
            if not file.read(1):
                raise MediaError(
                    f"{path} is empty (0 bytes); expected {a_kind}: copy or download it again"
                )
    except OSError as error:
        raise MediaError(
            f"{path} cannot be opened ({error.strerror}); expected a readable {kind}: "
            "check its permissions"
        ) from error


def not_a_video(path: Path) -> MediaError:
    """No demuxer knows the file, or it is an MP4 whose index is missing."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return MediaError(
            f"{path} is an MP4 or MOV file without a readable index (moov), so nothing in it can "
            "be decoded; it was cut off while it was recorded or copied: copy it again or repair it"
        )
    return MediaError(
        f"{path} is not a video that can be read; expected {_ANIMATIONS}: "
        "check the file or convert it to MP4"
    )


def picture_instead_of_video(path: Path) -> MediaError:
    """The file is a still image."""
    return MediaError(
        f"{path} is a picture, not a video; expected {_ANIMATIONS}: "
        "pass the video here and the picture as the query image"
    )


def no_pictures(path: Path, kinds: Iterable[str]) -> MediaError:
    """The container holds streams, and none of them is video."""
    held = ", ".join(sorted(set(kinds))) or "no stream at all"
    return MediaError(
        f"{path} has no video stream (it holds {held}); expected moving pictures: "
        "pass the file that has them"
    )


def unknown_codec(path: Path) -> MediaError:
    """The video stream has no decoder in this FFmpeg build."""
    return MediaError(
        f"{path} holds video in a codec that this FFmpeg build cannot decode; "
        "expected H.264, HEVC, VP9, AV1 or the like: convert it to H.264"
    )


def nothing_decodes(path: Path) -> MediaError:
    """The stream is there, and every packet of it is broken."""
    return MediaError(
        f"not one frame of {path} can be decoded; expected intact video data: "
        "copy or download it again"
    )


def not_an_image(path: Path, reason: str) -> MediaError:
    """Pillow cannot make a picture of the file."""
    return MediaError(
        f"{path} is not an image that can be read ({reason}); expected {_PICTURES}: "
        "check the file or convert it to JPEG"
    )


def too_many_pixels(path: Path, max_pixels: int) -> MediaError:
    """The header announces so many pixels that decoding would exhaust memory."""
    return MediaError(
        f"{path} announces more than {max_pixels} pixels; expected fewer, so that a hostile file "
        "cannot fill the memory: scale it down first"
    )


def cannot_write(path: Path, reason: str) -> MediaError:
    """The output file cannot be made."""
    return MediaError(
        f"{path} cannot be written ({reason}); expected a writable folder with free space: "
        "check the folder or choose another"
    )


def warn_truncated(path: Path, decoded_seconds: float, announced_seconds: float | None) -> None:
    """Warns that a file ends early; None when it does not say how long it should be."""
    found = f"{decoded_seconds:.1f}"
    of = "" if announced_seconds is None else f" of {announced_seconds:.1f}"
    warnings.warn(
        f"{path} ends early: {found}{of} seconds can be decoded and are used; "
        "copy or download it again for the rest",
        TruncatedMediaWarning,
        # Attributed to this line on purpose: several readers of one broken file then warn once.
        stacklevel=1,
    )
