"""Lengths of whole videos beside a manifest, whose samples may know those of windows only."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stillseek.data.annotations import AnnotatedVideo
from stillseek.data.file_hashes import text_sha256
from stillseek.data.manifest import Manifest, write_manifest
from stillseek.data.own_videos.annotated_files import relative_path
from stillseek.data.sample import Sample
from stillseek.errors import DatasetError
from stillseek.records import parse_object, read_text, write_text_atomic

_FILE = "durations.json"
_SETTING = "durations_sha256"


def write_durations(folder: Path, durations: Mapping[str, float]) -> dict[str, str]:
    """Writes the lengths in seconds of videos by their names.

    Returns:
        What belongs into the settings of the manifest, so that the two files stay together.
    """
    text = json.dumps(dict(sorted(durations.items())), indent=1, allow_nan=False) + "\n"
    write_text_atomic(folder / _FILE, text)
    return {_SETTING: text_sha256(text)}


def write_windows(
    folder: Path,
    samples: Sequence[Sample],
    searched: Iterable[AnnotatedVideo],
    *,
    source: str,
    seed: int,
    settings: Mapping[str, Any],
    videos: Path | None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Writes a manifest whose samples ask about windows, and the lengths of their videos.

    Args:
        folder: Folder of the data set.
        samples: The questions.
        searched: Videos that samples may ask about; those of no sample are passed over.
        source: What the samples come from, for people.
        seed: Seed of the builder.
        settings: Everything else that decides the samples.
        videos: Folder of the videos, which stay where they are; None if they are not at hand.
        on_progress: Called with the files hashed and the files to hash.

    Raises:
        DatasetError: There is no sample.
    """
    if not samples:
        raise DatasetError(f"no question of {source} is left; give more videos or images")
    asked = {sample.video_id for sample in samples}
    durations = {v.video_id: v.duration_seconds for v in searched if v.video_id in asked}
    return write_manifest(
        folder,
        samples,
        source=source,
        seed=seed,
        settings=dict(settings) | write_durations(folder, durations),
        videos="videos" if videos is None else relative_path(videos, folder),
        on_progress=on_progress,
    )


def read_durations(manifest: Manifest) -> dict[str, float]:
    """Lengths in seconds of the searched videos, as far as the data set knows them.

    Samples without a window know theirs; `write_durations` keeps the others.

    Raises:
        DatasetError: The file is missing, broken, or of another manifest.
    """
    durations = {
        sample.video_id: sample.duration_seconds
        for sample in manifest.samples
        if sample.window is None
    }
    if _SETTING not in manifest.header.settings:
        return durations
    path = manifest.folder / _FILE
    text = read_text(path)
    if text_sha256(text) != manifest.header.settings[_SETTING]:
        raise DatasetError(f"{path} does not belong to its manifest; build the dataset again")
    return durations | parse_object(text, str(path))
