"""The manifest of a dataset: one sample a line, and a header that says how they were made."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stillseek.data.file_hashes import (
    HASHES_NAME,
    FileHash,
    FileName,
    hash_files,
    is_unchanged,
    read_hashes,
    refuse_changed,
    text_sha256,
)
from stillseek.data.sample import Sample, Split
from stillseek.errors import DatasetError, UsageError
from stillseek.files import refuse_url
from stillseek.media.folder import find_video
from stillseek.outputs import Output
from stillseek.records import (
    dump_record,
    iterate_objects,
    parse_object,
    parse_record,
    read_text,
    write_text_atomic,
)

HEADER_NAME = "manifest.json"
SAMPLES_NAME = "samples.jsonl"
# What only a data set has, whole or begun.
_SIGNS = (
    (HEADER_NAME, '"samples_sha256"'),
    (SAMPLES_NAME, '"sample_id"'),
    ("settings.json", '"two_targets_share"'),
    ("query_frames.jsonl", '"fingerprint"'),
)
FORMAT_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestHeader:
    """What a manifest was made from.

    Attributes:
        format_version: Version of this file format.
        source: What the samples come from, for people.
        seed: Seed of the builder.
        settings: Everything that decides the samples; JSON values.
        settings_sha256: Hash of ``settings``, to freeze a benchmark.
        samples_sha256: Hash of the samples file.
        counts: Samples per split.
        videos: Folder with the videos, relative to the manifest, or absolute.
    """

    format_version: int
    source: str
    seed: int
    settings: dict[str, Any]
    settings_sha256: str
    samples_sha256: str
    counts: dict[str, int]
    videos: str

    @property
    def hashes(self) -> dict[str, str]:
        """What tells the manifest from those of other settings or samples."""
        return {"settings_sha256": self.settings_sha256, "samples_sha256": self.samples_sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A dataset: its header, its samples and where its videos are.

    Attributes:
        folder: Where it lies.
        header: What it was made from.
        samples: The questions.
        file_hashes: Hash and size of videos and query images, as far as they are known; a file
            that is need not be on this machine for its features to be found.
    """

    folder: Path
    header: ManifestHeader
    samples: tuple[Sample, ...]
    file_hashes: Mapping[FileName, FileHash] = field(default_factory=dict)

    def of_split(self, split: Split) -> tuple[Sample, ...]:
        """The samples of one split, in file order."""
        return tuple(sample for sample in self.samples if sample.split == split)

    def video_path(self, video_id: str) -> Path:
        """The file of a video, whatever its suffix; ``.mp4`` where it is not on this machine."""
        return find_video(self.folder / self.header.videos, video_id)

    def query_path(self, sample: Sample) -> Path:
        """The file of a sample's query: its image, or the video that it is a frame of."""
        return self.path(query_file(sample))

    def path(self, file: FileName) -> Path:
        """Where a file of the data set is, or would be."""
        return self.video_path(file.name) if file.kind == "video" else self.folder / file.name

    def files(self) -> tuple[FileName, ...]:
        """What the samples search and take queries from, each once, in the order of the samples."""
        found: dict[FileName, None] = {}
        for sample in self.samples:
            found |= {video_file(sample): None, query_file(sample): None}
        return tuple(found)


def video_file(sample: Sample) -> FileName:
    """The video that a sample searches."""
    return FileName("video", sample.video_id)


def query_file(sample: Sample) -> FileName:
    """The image of a sample's query, or the video that it is a frame of."""
    if sample.query_image is not None:
        return FileName("image", sample.query_image)
    assert sample.query_video_id is not None
    return FileName("video", sample.query_video_id)


def settings_sha256(settings: Mapping[str, Any]) -> str:
    """Hash of a JSON object that does not depend on the order of its keys."""
    return text_sha256(json.dumps(settings, sort_keys=True, allow_nan=False))


def dataset_output(path: Path, *, name: str = "out", holds: Sequence[str] = ()) -> Output:
    """The folder of a data set that is about to be written, for `check_outputs`.

    Args:
        path: The folder.
        name: What people call it.
        holds: What is written into it besides the manifest.
    """
    return Output(
        name=name, path=path, holds=(HEADER_NAME, SAMPLES_NAME, HASHES_NAME, *holds), signs=_SIGNS
    )


def refuse_other_source(folder: Path, source: str) -> None:
    """Refuses to replace a data set that was made of something else.

    Args:
        folder: Where a data set is about to be written.
        source: What its header will say.

    Raises:
        UsageError: The folder holds a data set of another source.
        DatasetError: What the folder holds cannot be read.
    """
    path = folder / HEADER_NAME
    if not path.exists():
        return
    other = parse_object(read_text(path), str(path)).get("source")
    if other != source:
        raise UsageError(
            f"{folder} holds a data set of {other}, which {source} would replace; give another "
            "folder or remove it"
        )


def write_manifest(
    folder: Path,
    samples: Iterable[Sample],
    *,
    source: str,
    seed: int,
    settings: Mapping[str, Any],
    videos: str = "videos",
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Writes ``samples.jsonl``, ``manifest.json``, and hashes of the files that are here.

    The same input gives the same bytes. A kill between the first two files is found by the next
    reader: the header holds the samples' hash. After that the data set can be used, and
    `add_file_hashes` hashes what is left. What a data set of the same source that was here knows of
    files that have not changed stays known.

    Args:
        folder: Folder of the data set.
        samples: The questions.
        source: What they come from, for people.
        seed: Seed of the builder.
        settings: Everything that decides the samples; JSON values.
        videos: Folder with the videos, relative to ``folder``, or absolute.
        on_progress: Called with the files hashed and the files to hash.

    Raises:
        DatasetError: Two samples share an id.
    """
    rows = tuple(samples)
    _refuse_duplicates(rows, str(folder / SAMPLES_NAME))
    text = "".join(
        json.dumps(dump_record(row), ensure_ascii=False, allow_nan=False) + "\n" for row in rows
    )
    header = ManifestHeader(
        format_version=FORMAT_VERSION,
        source=source,
        seed=seed,
        settings=dict(settings),
        settings_sha256=settings_sha256(settings),
        samples_sha256=text_sha256(text),
        counts=_counts(rows),
        videos=videos,
    )
    kept = _kept_hashes(folder, source, videos)
    (folder / HASHES_NAME).unlink(missing_ok=True)
    write_text_atomic(folder / SAMPLES_NAME, text)
    header_text = json.dumps(
        dump_record(header), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    write_text_atomic(folder / HEADER_NAME, header_text + "\n")
    manifest = Manifest(folder=folder, header=header, samples=rows, file_hashes=kept)
    return add_file_hashes(manifest, on_progress=on_progress)


def add_file_hashes(
    manifest: Manifest,
    *,
    again: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Hashes the files that are here and not known, and keeps the hashes beside the manifest.

    Args:
        manifest: The data set.
        again: Whether files that are known are hashed again, where they are here.
        on_progress: Called with the files hashed and the files to hash.

    Raises:
        DatasetError: A file has another size than is known, and nothing is hashed again.
    """
    paths = {file: manifest.path(file) for file in manifest.files()}
    known = {file: each for file, each in manifest.file_hashes.items() if file in paths}
    for file, each in known.items():
        if not again:
            refuse_changed(paths[file], each)
    owner = manifest.header.hashes
    hashes = hash_files(manifest.folder, owner, paths, known, again=again, on_progress=on_progress)
    return replace(manifest, file_hashes=hashes)


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks a manifest.

    Raises:
        DatasetError: A file is missing or broken, or the two do not belong together.
        UsageError: The folder is a URL.
    """
    refuse_url(folder, "the data set")
    header_path, samples_path = folder / HEADER_NAME, folder / SAMPLES_NAME
    if not header_path.exists():
        raise DatasetError(
            f"{folder} is no data set; expected a folder with {HEADER_NAME}, as stillseek dataset "
            "build, import, compose and render make it"
        )
    values = parse_object(read_text(header_path), str(header_path))
    if values.get("format_version") != FORMAT_VERSION:
        raise DatasetError(
            f"{header_path}: format_version is {values.get('format_version')!r}, this version "
            f"reads {FORMAT_VERSION}; build the dataset again"
        )
    header = parse_record(ManifestHeader, values, str(header_path))
    text = read_text(samples_path)
    rows = tuple(
        parse_record(Sample, line, where) for where, line in iterate_objects(text, samples_path)
    )
    _refuse_duplicates(rows, str(samples_path))
    for name, stored, found in (
        ("settings", header.settings_sha256, settings_sha256(header.settings)),
        ("samples", header.samples_sha256, text_sha256(text)),
        ("counts", header.counts, _counts(rows)),
    ):
        if stored != found:
            raise DatasetError(
                f"{header_path}: the {name} do not match the header ({stored} against {found}): "
                "a file was edited or its writing was cut off; build the dataset again"
            )
    hashes = read_hashes(folder, header.hashes)
    return Manifest(folder=folder, header=header, samples=rows, file_hashes=hashes)


def _kept_hashes(folder: Path, source: str, videos: str) -> dict[FileName, FileHash]:
    """What a data set that is about to be replaced knows of files that have not changed."""
    try:
        old = read_manifest(folder)
        # Files were hashed after the header was written, some of them long after.
        noted_ns = (folder / HEADER_NAME).stat().st_mtime_ns
    except (DatasetError, OSError):
        return {}
    if (old.header.source, old.header.videos) != (source, videos):
        return {}  # its names may mean other files
    known = old.file_hashes.items()
    return {file: each for file, each in known if is_unchanged(old.path(file), each, noted_ns)}


def _counts(samples: Iterable[Sample]) -> dict[str, int]:
    return dict(sorted(Counter(sample.split for sample in samples).items()))


def _refuse_duplicates(samples: Iterable[Sample], path: str) -> None:
    lines: dict[str, int] = {}
    for line, sample in enumerate(samples, start=1):
        first = lines.setdefault(sample.sample_id, line)
        if first != line:
            raise DatasetError(
                f"{path}, line {line}: sample_id {sample.sample_id!r} is already on line {first}; "
                "ids must be unique"
            )
