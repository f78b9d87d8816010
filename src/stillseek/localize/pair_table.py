"""Which videos are searched with which pictures: pairs from a table, or all with all."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillseek.errors import DatasetError, UsageError
from stillseek.localize.query_image import Box
from stillseek.media.folder import find_videos

_COLUMNS = ("video", "image")
_DELIMITERS = (",", ";", "\t")
_PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A video, and the picture that it is searched with.

    Attributes:
        video: The video file.
        image: The query image.
        box: Left, top, width, height in pixels of the part that is meant; None is the whole image.
        label: What people call the activity; None where nobody says.
    """

    video: Path
    image: Path
    box: Box | None = None
    label: str | None = None


def pairs_of(videos: Sequence[Path], images: Path) -> list[Pair]:
    """Every picture of a folder, with every video.

    Args:
        videos: Video files, and folders that are searched for them.
        images: Folder of pictures, in subfolders too; a picture is called like its file.

    Raises:
        UsageError: There is no video, or no picture.
    """
    files = find_videos(videos)
    pictures = sorted(
        path
        for path in images.rglob("*")
        if path.suffix.lower() in _PICTURES and not path.name.startswith(".") and path.is_file()
    )
    if not files:
        raise UsageError("there is no video to search; give files or folders")
    if not pictures:
        raise UsageError(
            f"there is no picture in {images}; expected files that end in "
            f"{', '.join(sorted(_PICTURES))}"
        )
    return [
        Pair(video=video, image=image, label=image.stem) for image in pictures for video in files
    ]


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a CSV file with columns video and image, and if wanted box and label.

    Files are relative to the table; a box is ``x,y,w,h`` in pixels. Other columns are passed over.

    Raises:
        DatasetError: The table cannot be read or has no pair, or a row is broken; the message names
            its line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path} is not UTF-8 text; expected a CSV table of pairs of video and image, saved as "
            "UTF-8 (videos and pictures themselves are given with --videos and --images)"
        ) from error
    pairs = [_pair(where, row, path.parent) for where, row in _rows(text, path)]
    if not pairs:
        raise DatasetError(f"{path} has no row; expected one a pair of video and image")
    return list(dict.fromkeys(pairs))


def _rows(text: str, path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if missing := [column for column in _COLUMNS if column not in names]:
            raise DatasetError(
                f"{path}, line 1: the header has no column {missing[0]!r}; expected video,image "
                "and if wanted box,label"
            )
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if len(cells) > len(names):
                raise DatasetError(
                    f"{where}: {len(cells)} columns where the header has {len(names)}; put a box "
                    "in double quotes"
                )
            if any(cell.strip() for cell in cells):
                yield where, dict(zip(names, map(str.strip, cells), strict=False))
    except csv.Error as error:
        raise DatasetError(f"{path}, line {reader.line_num}: not valid CSV ({error})") from error


def _pair(where: str, row: dict[str, str], folder: Path) -> Pair:
    for column in _COLUMNS:
        if not row.get(column):
            raise DatasetError(f"{where}: {column} is missing")
    box: Box | None = None
    if text := row.get("box"):
        try:
            left, top, width, height = (int(part) for part in text.split(","))
        except ValueError as error:
            raise DatasetError(
                f"{where}: box is {text!r}, expected x,y,w,h, four whole numbers of pixels"
            ) from error
        box = left, top, width, height
    return Pair(
        video=folder / row["video"],
        image=folder / row["image"],
        box=box,
        label=row.get("label") or None,
    )
