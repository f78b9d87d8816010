"""Whether a data set is whole: its files, their lengths, and their features in a store."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stillseek.data.activitynet import DURATION_TOLERANCE_SECONDS
from stillseek.data.file_hashes import FileHash, FileName
from stillseek.data.manifest import Manifest, query_file, video_file
from stillseek.data.sample import Sample
from stillseek.errors import CorruptFeaturesError, FeatureError, MediaError, TruncatedMediaWarning
from stillseek.features import FeatureStore, QueryKey, VideoKey, content_hash
from stillseek.features.store.content_address import entry_name
from stillseek.media import probe

ProblemKind = Literal["empty", "file", "changed", "video", "time", "features", "corrupt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is missing or wrong.

    Attributes:
        kind: ``empty``: the data set has no sample; ``file``: it is not there; ``changed``: it is
            not the file that the data set was made with; ``video``: it cannot be read; ``time``: a
            sample asks for a time that its video does not have; ``features``: the store has no
            entry; ``corrupt``: the entry that it has is broken.
        path: The file or folder concerned.
        message: What is wrong, for people.
    """

    kind: ProblemKind
    path: Path
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetReport:
    """What was checked and what was found.

    Attributes:
        num_samples: Samples of the manifest.
        num_files: Files that they search or take queries from.
        num_away: Those that are not there and need not be, as their hashes are known.
        num_entries: Entries that they need in the store; 0 where none was checked.
        problems: In the order of the samples' files; empty where all is well.
        fingerprints: Beginnings of the fingerprints of other recipes whose features the store has
            in place of missing ones.
    """

    num_samples: int
    num_files: int
    num_away: int
    num_entries: int
    problems: tuple[Problem, ...]
    fingerprints: tuple[str, ...] = ()


@dataclass(slots=True)
class _Uses:
    """What the samples want of one file."""

    searched_by: list[Sample] = field(default_factory=list)
    # For each instant that is a query frame, a sample that asks for it; None is an image file.
    queries: dict[float | None, Sample] = field(default_factory=dict)


def check_dataset(
    manifest: Manifest,
    *,
    features: tuple[FeatureStore, str] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> DatasetReport:
    """Checks that every file is there, unchanged, long enough for its samples, and extracted.

    Args:
        manifest: The data set.
        features: The store, and the fingerprint of the recipe whose features it should have: then
            a file whose hash is known need not be there. None checks the files only.
        on_progress: Called with the files done and the files in total.
    """
    files = _files(manifest)
    problems: list[Problem] = []
    if not manifest.samples:
        problems.append(Problem(kind="empty", path=manifest.folder, message="nothing is asked"))
    fingerprints: set[str] = set()
    num_away = 0
    for done, (file, uses) in enumerate(files.items(), start=1):
        path, known = manifest.path(file), manifest.file_hashes.get(file)
        content = None if known is None else known.sha256
        if path.is_file():
            if file.kind == "video":
                problems += _video_problems(path, uses)
            if known is not None or features is not None:
                content, found = _hashed(path, known)
                problems += found
        elif content is not None and features is not None:
            num_away += 1
        else:
            problems.append(Problem(kind="file", path=path, message="there is no such file"))
        if content is not None and features is not None:
            problems += _feature_problems(path, content, uses, *features, fingerprints)
        if on_progress is not None:
            on_progress(done, len(files))
    entries = sum(bool(uses.searched_by) + len(uses.queries) for uses in files.values())
    return DatasetReport(
        num_samples=len(manifest.samples),
        num_files=len(files),
        num_away=num_away,
        num_entries=0 if features is None else entries,
        problems=tuple(problems),
        fingerprints=tuple(sorted(fingerprints)),
    )


def _files(manifest: Manifest) -> dict[FileName, _Uses]:
    files = {file: _Uses() for file in manifest.files()}
    for sample in manifest.samples:
        files[video_file(sample)].searched_by.append(sample)
        files[query_file(sample)].queries.setdefault(sample.query_seconds, sample)
    return files


def _hashed(path: Path, known: FileHash | None) -> tuple[str | None, list[Problem]]:
    """The hash that features are looked for by: the known one, if any, also of a changed file."""
    try:
        content = content_hash(path)
    except MediaError as error:
        return None, [Problem(kind="file", path=path, message=str(error))]
    if known is None or known.sha256 == content:
        return content, []
    message = f"hash {content} in place of {known.sha256}"
    return known.sha256, [Problem(kind="changed", path=path, message=message)]


def _video_problems(path: Path, uses: _Uses) -> Iterator[Problem]:
    try:
        with warnings.catch_warnings():
            # What a truncated file lacks matters where a sample asks for it.
            warnings.simplefilter("ignore", TruncatedMediaWarning)
            duration = probe(path).duration_seconds
    except MediaError as error:
        yield Problem(kind="video", path=path, message=str(error))
        return
    for (end, is_window), samples in _by_end(uses.searched_by).items():
        too_short = not is_window and end < duration - DURATION_TOLERANCE_SECONDS
        if too_short or end > duration + DURATION_TOLERANCE_SECONDS:
            what = "window" if is_window else "video"
            more = f" (and {len(samples) - 1} more)" if len(samples) > 1 else ""
            message = (
                f"the {what} of sample {samples[0].sample_id!r}{more} "
                f"ends at {end:.2f} s, the file at {duration:.2f} s"
            )
            yield Problem(kind="time", path=path, message=message)
    for seconds, sample in uses.queries.items():
        if seconds is not None and seconds > duration + DURATION_TOLERANCE_SECONDS:
            message = (
                f"the query frame of sample {sample.sample_id!r} is at {seconds:.2f} s, the file "
                f"ends at {duration:.2f} s"
            )
            yield Problem(kind="time", path=path, message=message)


def _by_end(samples: list[Sample]) -> dict[tuple[float, bool], list[Sample]]:
    """Samples by the end of what they search, and whether that is a window."""
    ends: dict[tuple[float, bool], list[Sample]] = {}
    for sample in samples:
        window = sample.window
        end = sample.duration_seconds if window is None else window.end_seconds
        ends.setdefault((end, window is not None), []).append(sample)
    return ends


def _feature_problems(
    path: Path, content: str, uses: _Uses, store: FeatureStore, fingerprint: str, others: set[str]
) -> Iterator[Problem]:
    keys: list[VideoKey | QueryKey] = [
        QueryKey(content=content, fingerprint=fingerprint, frame_seconds=seconds)
        for seconds in uses.queries
    ]
    if uses.searched_by:
        keys.insert(0, VideoKey(content=content, fingerprint=fingerprint))
    for key in keys:
        try:
            store.get(key) if isinstance(key, VideoKey) else store.get_query(key)
        except CorruptFeaturesError as error:
            yield Problem(kind="corrupt", path=path, message=str(error))
        except FeatureError:
            if store.files.exists(entry_name(key)):
                raise  # the store cannot be read, which says nothing about what it has
            others.update(store.other_fingerprints(key))
            yield Problem(kind="features", path=path, message=f"no features of {_describe(key)}")


def _describe(key: VideoKey | QueryKey) -> str:
    if isinstance(key, VideoKey):
        return "the video"
    return "the image" if key.frame_seconds is None else f"the frame at {key.frame_seconds:.2f} s"
