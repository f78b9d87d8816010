"""What can be wrong with a media file, and the one line that people read about it."""

import filecmp
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Literal

from stillseek.errors import MediaError, TruncatedMediaWarning, UsageError
from stillseek.files import shown_url
from stillseek.timeline import Segment

_ANIMATIONS = "MP4, MKV, WebM, MOV, AVI, GIF or the like"
_PICTURES = "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF"
# Pictures that Pillow does not read, by what their files begin with, and what helps.
_FOREIGN_PICTURES = (
    (rb"....ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1)", "HEIC (a phone's)", "export it as JPEG"),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "JPEG XL", "convert it to JPEG or PNG"),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<\?xml.*)?(<!.*)?<svg\b", "SVG (a drawing)", "export it as PNG"),
    (rb"%PDF-", "PDF", "export its page as PNG"),
)


def check_file(path: Path, kind: Literal["video", "image"]) -> None:
    """Refuses what no decoder has to look at.

    Raises:
        MediaError: The path is missing, not a regular file, empty or not readable.
    """
    a_kind = f"an {kind}" if kind == "image" else f"a {kind}"
    try:
        if not path.exists() and (url := shown_url(str(path))):
            raise MediaError(
                f"{url} is a URL; expected {a_kind} stored as a file: download it and pass the file"
            )
        if not path.exists():
            raise MediaError(f"no file at {path}; expected {a_kind}: check the path")
        if path.is_dir():
            entries_of(path)  # of one that may not be looked into, that is what to say
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
            "check its name and permissions"
        ) from error


def entries_of(folder: Path) -> list[Path]:
    """What is right in a folder, in order of name.

    Raises:
        MediaError: It may not be looked into.
    """
    try:
        # With the dot, that needs the right to go into it, too, and not only to read its names.
        with os.scandir(f"{folder}/.") as entries:
            return sorted(folder / entry.name for entry in entries)
    except PermissionError as error:
        raise MediaError(
            f"the folder {folder} cannot be read ({error.strerror}); check its permissions"
        ) from error


def holds_same(one: Path, other: Path) -> bool:
    """Whether two files are one, or have the same bytes; no where either cannot be read."""
    with suppress(OSError):
        return one.samefile(other) or filecmp.cmp(one, other, shallow=False)
    return False


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
        "pass videos or folders of them here, and pictures as query images of a search"
    )


def not_an_image(path: Path | str, reason: str) -> MediaError:
    """Pillow cannot make a picture of the file."""
    return MediaError(
        f"{path} is not an image that can be read ({reason}); expected {_PICTURES}: "
        "check the file or convert it to JPEG"
    )


def unknown_image(path: Path) -> MediaError:
    """Pillow does not know the format; others may, so that it has a name."""
    with path.open("rb") as file:
        head = file.read(4096)
    for pattern, name, advice in _FOREIGN_PICTURES:
        if re.match(pattern, head, re.DOTALL):
            return MediaError(
                f"{path} is a picture in {name} format, which is not read; "
                f"expected {_PICTURES}: {advice}"
            )
    return not_an_image(path, "no known format")


def one_line(error: Exception) -> str:
    """The first line of what a library says about its failure."""
    return next(iter(str(error).splitlines()), "").strip() or type(error).__name__


def too_many_pixels(path: Path | str, max_pixels: int) -> MediaError:
    """The header announces so many pixels that decoding would exhaust memory."""
    return MediaError(
        f"{path} announces more than {max_pixels} pixels; expected fewer, so that a hostile file "
        "cannot fill the memory: scale it down first"
    )


def cannot_encode(path: Path, reason: str) -> MediaError:
    """The encoder refuses the pictures or the sound."""
    return MediaError(
        f"{path} cannot be encoded ({reason}); expected frames and sound that H.264 and AAC hold: "
        "convert the video first"
    )


def cannot_copy(path: Path, reason: str) -> MediaError:
    """The container does not hold what the codecs of a video give."""
    return MediaError(
        f"{path} cannot hold the frames and sound as they are ({reason}); cut it without copying"
    )


def cannot_write(path: Path, reason: str) -> MediaError:
    """The output file cannot be made."""
    return MediaError(
        f"{path} cannot be written ({reason}); expected a writable folder with free space: "
        "check the folder or choose another"
    )


def ends_before(path: Path, segment: Segment) -> UsageError:
    """Nothing of the video is in a segment."""
    return UsageError(
        f"{path} ends before the segment starts at {segment.start_seconds} seconds; "
        "choose an earlier one"
    )


def warn_truncated(path: Path, decoded_seconds: float, announced_seconds: float | None) -> None:
    """Warns that a file ends early; None when it does not say how long it should be."""
    found = f"{decoded_seconds:.1f}"
    of = "" if announced_seconds is None else f" of {announced_seconds:.1f}"
    _warn(
        f"{path} ends early: {found}{of} seconds can be decoded and are used; "
        "copy or download it again for the rest"
    )


def warn_damaged_times(path: Path, left_out_seconds: float) -> None:
    """Warns that times of a file jump ahead by so much that they cannot be meant."""
    _warn(
        f"{path} has times that jump {left_out_seconds / 60:.0f} minutes ahead, with no picture or "
        "sound between; they are damaged and the jump is left out, but players may keep it: "
        "convert the video to MP4 for times that agree"
    )


def warn_unread(path: Path, decoded_seconds: float, unread_share: float) -> None:
    """Warns that nothing is found in a large part of a file at its end."""
    _warn(
        f"{path} is read up to {decoded_seconds:.1f} seconds, which leaves {unread_share:.0%} of "
        "the file; it is damaged there or was joined of several files: join them with a program "
        "for videos, or convert it to MP4"
    )


def _warn(text: str) -> None:
    # Attributed to this line on purpose: several readers of one broken file then warn once.
    warnings.warn(text, TruncatedMediaWarning, stacklevel=1)
