"""One search: what was read of an index, and how its best videos are looked at."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from stillseek.errors import CorruptFeaturesError, FeatureError, UsageError
from stillseek.features import QueryFeatures, Recipe
from stillseek.library.adding import file_state
from stillseek.library.index import Index
from stillseek.library.index_tables import IndexedVideo, Rows
from stillseek.library.settings import Settings
from stillseek.library.shortlist import Asked, answer, best_videos, curve, without_moment
from stillseek.localize.localization import Localization
from stillseek.localize.query_image import Box, QueryImage, encode_picture
from stillseek.localize.ranking import FailedVideo, Ranking

if TYPE_CHECKING:
    from stillseek.localize.localizer import Localizer
    from stillseek.localize.query import EncodedQuery

# Videos that are looked at closely: at least so many, or so many for each answer.
_LEAST_LOOKS, _LOOKS_OF_ANSWER = 20, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What was read of an index at one time."""

    settings: Settings
    index: Index
    version: int
    videos: dict[str, IndexedVideo]
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the best videos are looked at: with a head, or by likeness alone.

    Attributes:
        localizer: What has the head; None leaves it out.
        recipe: Name of the recipe.
        moments: Most moments of a video.
        query: The pictures, as the head reads them.
        without: `IndexedVideo.content` of a video and a time: the moment there is passed over.
    """

    localizer: "Localizer | None"
    recipe: str
    moments: int
    query: "EncodedQuery | None" = None
    without: tuple[str, float] | None = None

    def at(
        self, snapshot: Snapshot, asked: Asked, video: IndexedVideo
    ) -> tuple[float, Localization]:
        """How good a video is, comparable with others, and what is found in it."""
        features, path = snapshot.index.features(video), snapshot.settings.path(video.name)
        space = snapshot.index.space
        if self.without is not None and self.without[0] == video.content:
            features = without_moment(space, asked, features, self.without[1])
        if self.localizer is None or self.query is None:
            found = answer(
                space, asked, features, video, path, recipe=self.recipe, moments=self.moments
            )
        else:
            found = self.localizer.locate_features(
                features, self.query, video=path, top=self.moments
            )
        if found.presence is not None:
            return found.presence, found
        return float(curve(space, asked, features.clips).max()), found


def filtered(
    snapshot: Snapshot,
    within: str | Sequence[str] | Callable[[str], bool] | None = None,
    since: datetime | None = None,
    least_seconds: float = 0.0,
) -> dict[int, list[IndexedVideo]]:
    """The videos that may be found, by number; copies together, in order of name.

    Raises:
        UsageError: The least length is none, or nothing has the one name that is given.
    """
    fits = within if within is None or callable(within) else _pattern(snapshot, within)
    if isinstance(within, str) and fits is not None and not any(map(fits, snapshot.videos)):
        raise snapshot.settings.nothing_called(within)
    if not 0 <= least_seconds < math.inf:
        raise UsageError(f"videos last 0 or more seconds, got {least_seconds} as the least")
    # Systems count from 1970, and not all count back to the year 1.
    earliest = -math.inf if since is None or since.year < 1970 else since.timestamp() * 1e9
    found: dict[int, list[IndexedVideo]] = {}
    for video in snapshot.videos.values():
        if (
            video.content
            and video.modified_ns >= earliest
            and video.duration_seconds >= least_seconds
            and (fits is None or fits(video.name))
        ):
            found.setdefault(video.number, []).append(video)
    return found


def _pattern(snapshot: Snapshot, within: str | Sequence[str]) -> Callable[[str], bool]:
    patterns = [within] if isinstance(within, str) else within
    names = {pattern for pattern in patterns if pattern in snapshot.videos}
    others = [pattern for pattern in patterns if pattern not in names]
    ends = [end for pattern in others for end in (pattern, f"*/{pattern}")]
    below = tuple(each for pattern in others for each in snapshot.settings.beginnings(pattern))

    def fits(name: str) -> bool:
        if name in names or f"{name}/".startswith(below):
            return True
        texts = name, str(snapshot.settings.path(name))
        return any(fnmatch(text, end) for text in texts for end in ends)

    return fits


def _there(settings: Settings, copies: Sequence[IndexedVideo]) -> IndexedVideo:
    """The first of several copies whose file is there; the first one where none is."""
    if len(copies) > 1:
        for video in copies:
            if file_state(settings.path(video.name)) is not None:
                return video
    return copies[0]


def encoded(
    recipe: Recipe, images: Sequence[QueryImage], boxes: Sequence[Box | None], name: str
) -> tuple[QueryFeatures, ...]:
    """Features of pictures, each of the part that is meant."""
    return tuple(
        encode_picture(recipe, images, place, name, box=box) for place, box in enumerate(boxes)
    )


def ranked(
    snapshot: Snapshot,
    asked: Asked,
    may: dict[int, list[IndexedVideo]],
    look: Look,
    top: int,
    *,
    is_last: bool,
) -> Ranking:
    """The best videos after a closer look; one whose features are broken is told of.

    Raises:
        FeatureError: Features are not there, and the index may be read again.
    """
    number = max(_LEAST_LOOKS, _LOOKS_OF_ANSWER * top)
    lengths = {each: copies[0].num_clips for each, copies in may.items()}
    space, rows = snapshot.index.space, snapshot.rows
    results, failures = [], []
    for each in best_videos(space, rows, asked.wanted, lengths, number):
        video = _there(snapshot.settings, may[each])
        try:
            results.append(look.at(snapshot, asked, video))
        except FeatureError as error:
            if not (is_last or isinstance(error, CorruptFeaturesError)):
                raise
            path = snapshot.settings.path(video.name)
            failures.append(FailedVideo(video=path, error=f"{path}: {error}"))
    is_calibrated = bool(results) and all(found.presence is not None for _, found in results)
    results.sort(key=lambda each: -each[0])
    return Ranking(
        results=tuple(found for _, found in results[:top]),
        failures=tuple(failures),
        ranked_by="presence" if is_calibrated else "similarity" if results else None,
    )
