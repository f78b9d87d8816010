"""Looking after a library: what it holds, whether it is whole, what can go, and another recipe."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from stillseek.errors import CorruptFeaturesError, FeatureError, LibraryError
from stillseek.features import ExtractionProgress, Recipe, RecipeOptions
from stillseek.features.store.content_address import entry_name
from stillseek.library.adding import Extractor, add_to_index, file_state
from stillseek.library.index import SPACE, Index, make_index
from stillseek.library.index_tables import IndexedVideo, Rows
from stillseek.library.settings import LibraryRecipe, Settings

# Rows are kept in half precision.
_ROUNDING = 2.0**-10
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryStats:
    """How much there is of what.

    Attributes:
        recipe: How pixels became features.
        fingerprint: Of the recipe.
        roots: Where the folders of videos are, by name.
        videos: Files whose video is in the index.
        failed: Files that could not be read.
        seconds: Length of the videos; of copies, once.
        clips: Clips that show something.
        rows: Rows that a picture is compared with.
        index: Which rows a search looks at: ``exact`` compares every one, so its agreement with
            an exact search is 1.
        index_bytes: Bytes of rows and videos on disk, and of their space.
        space_bytes: Of these, the space, which is as large for one video as for many.
        feature_bytes: Bytes of the features.
    """

    recipe: str
    fingerprint: str
    roots: dict[str, Path]
    videos: int
    failed: int
    seconds: float
    clips: int
    rows: int
    index: str
    index_bytes: int
    space_bytes: int
    feature_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryCheck:
    """What `verify` found.

    Attributes:
        intact: Videos that are as they were written.
        problems: What is wrong with the library, and what to do.
        changed: Files that are gone or changed since; `Library.add` brings the library up to date.
    """

    intact: int
    problems: tuple[str, ...]
    changed: tuple[Path, ...]


def stats(settings: Settings) -> LibraryStats:
    """How much there is of what."""
    index = Index.of(settings)
    videos = index.tables.videos().values()
    once = {video.content: video for video in videos if video.content}
    return LibraryStats(
        recipe=settings.recipe.name,
        fingerprint=settings.recipe.fingerprint,
        roots={name: settings.root(name) for name in settings.roots},
        videos=sum(not video.error for video in videos),
        failed=sum(bool(video.error) for video in videos),
        seconds=sum(video.duration_seconds for video in once.values()),
        clips=sum(video.num_clips for video in once.values()),
        rows=len(index.tables.rows().clips),
        index="exact",
        index_bytes=_bytes_below(settings.folder / settings.index),
        space_bytes=(settings.folder / settings.index / SPACE).stat().st_size,
        feature_bytes=index.store.files.entry_bytes(),
    )


def verify(
    settings: Settings, *, on_progress: Callable[[int, int], None] | None = None
) -> LibraryCheck:
    """Compares checksums of all features, and all rows with what their features give.

    Args:
        settings: Of the library.
        on_progress: Called with the videos done and the videos in total.
    """
    index = Index.of(settings)
    videos, rows = index.tables.videos(), index.tables.rows()
    problems, changed, checked = [], [], dict[str, str]()
    if damage := index.tables.damage():
        problems.append(
            f"the index is broken ({damage}); copy the library again, or make a new one"
        )
    for done, video in enumerate(videos.values(), start=1):
        if _is_changed(settings.path(video.name), video):
            changed.append(settings.path(video.name))
        if video.content and video.content not in checked:
            checked[video.content] = _wrong_with(index, video, rows)
            if checked[video.content]:
                problems.append(
                    f"{video.name}: {checked[video.content]}; remove it from the library and add "
                    "it again"
                )
        if on_progress is not None:
            on_progress(done, len(videos))
    return LibraryCheck(
        intact=sum(checked.get(video.content) == "" for video in videos.values()),
        problems=tuple(problems),
        changed=tuple(changed),
    )


def remove(settings: Settings, patterns: Sequence[str]) -> tuple[str, ...]:
    """Removes videos, and then what nobody needs any more.

    Raises:
        UsageError: A pattern fits nothing.
    """
    index = Index.of(settings)
    videos, names = index.tables.videos(), list[str]()
    for pattern in patterns:
        below = settings.beginnings(pattern)
        fitting = [name for name in videos if _fits(settings, name, pattern, below)]
        if not fitting:
            raise settings.nothing_called(pattern)
        names += fitting
    names = list(dict.fromkeys(names))
    index.tables.drop(names)
    sweep(index)
    return tuple(names)


def sweep(index: Index) -> None:
    """Removes features that no video of the library has."""
    videos = index.tables.videos().values()
    kept = {entry_name(index.key(video)) for video in videos if video.content}
    for name in list(index.store.files.entries()):
        if name not in kept:
            index.store.files.remove(name)


def migrate(
    settings: Settings,
    recipe: Recipe,
    options: RecipeOptions,
    extract: Extractor,
    *,
    workers: int | None,
    on_progress: Callable[[ExtractionProgress], None] | None,
) -> None:
    """Makes an index by a recipe beside the one that answers, and puts it in its place when whole.

    Raises:
        LibraryError: A video is not there, or cannot be read any more.
    """
    old = Index.of(settings)
    name = make_index(settings.folder, recipe)
    new = Index(settings.folder, name, recipe.fingerprint)
    if name != settings.index:
        videos = old.tables.videos()
        _refuse(
            settings,
            "not as they were when they were added",
            [v.name for v in videos.values() if _is_changed(settings.path(v.name), v)]
            if recipe.fingerprint != settings.recipe.fingerprint
            else [],
        )
        # Whoever was stopped after its features were swept has left rows alone.
        features, known = set(new.store.files.entries()), new.tables.videos()
        there = {
            name
            for name, video in known.items()
            if name in videos and (not video.content or entry_name(new.key(video)) in features)
        }
        new.tables.drop(name for name in known if name not in there)
        left = {
            settings.path(video.name): replace(video, num_clips=0)
            for video in videos.values()
            if video.content and video.name not in there
        }
        if recipe.fingerprint == settings.recipe.fingerprint:
            new.add(list(left.values()))
        else:
            report = add_to_index(
                new, left, extract, workers=workers, on_progress=on_progress, on_outcome=None
            )
            failed = [outcome for outcome in report if outcome.status == "failed"]
            new.tables.drop(left[outcome.path].name for outcome in failed)
            _refuse(settings, "unreadable", [left[outcome.path].name for outcome in failed])
        new.add([video for video in videos.values() if video.error])
        made_by = LibraryRecipe(name=recipe.name, options=options, fingerprint=recipe.fingerprint)
        replace(settings, recipe=made_by, index=name).write()
    sweep(new)
    for folder in settings.folder.glob("index-*"):
        if folder.name != name:
            shutil.rmtree(folder)


def _refuse(settings: Settings, what: str, names: Sequence[str]) -> None:
    if names:
        listed = ", ".join([*names[:_LISTED], *["..."] * (len(names) > _LISTED)])
        raise LibraryError(
            f"{len(names)} videos are {what}: {listed}; the library {settings.folder} stays with "
            f"recipe {settings.recipe.name}: connect their disk, or bring it up to date with "
            "stillseek library add, or remove them, and run this again"
        )


def _wrong_with(index: Index, video: IndexedVideo, rows: Rows) -> str:
    """What is wrong with the features or the rows of a video; empty where nothing is."""
    try:
        clips = index.features(video).clips
    except CorruptFeaturesError:
        return "its features are broken"
    except FeatureError:
        return "its features are missing"
    middles, vectors = index.space.pooled(clips)
    place = int(np.searchsorted(rows.videos, video.number))
    if place == len(rows.videos) or rows.videos[place] != video.number:
        return "its rows are missing" if len(middles) else ""
    ends = [*rows.starts[1:].tolist(), len(rows.clips)]
    own = slice(int(rows.starts[place]), ends[place])
    is_same = np.array_equal(rows.clips[own], middles) and bool(
        np.allclose(rows.vectors[own], vectors, rtol=0, atol=_ROUNDING)
    )
    return "" if is_same else "its rows are not those of its features"


def _fits(settings: Settings, name: str, pattern: str, below: tuple[str, ...]) -> bool:
    wanted = pattern.rstrip("/")
    texts = name, name.rpartition("/")[2], str(settings.path(name))
    return f"{name}/".startswith(below) or any(fnmatch(text, wanted) for text in texts)


def _is_changed(path: Path, video: IndexedVideo) -> bool:
    return file_state(path) != (video.size_bytes, video.modified_ns)


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
