"""Why a moment was found: which part of the query is seen where, in the frames most like it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from stillseek.errors import UnusableFeaturesError, UsageError
from stillseek.features import QueryFeatures, Recipe
from stillseek.features.recipes.recipe import with_context
from stillseek.localize.localization import Localization, Similarity
from stillseek.localize.query_image import pixels_of
from stillseek.media import frames_at
from stillseek.timeline import Segment

_FRAMES, _PAIRS = 3, 3
# Regions that share more than this say the same twice, and hide each other where they are drawn.
# Neighbours in a grid share a third, diagonal ones a seventh.
_MOST_SHARED = 0.2
# A region of nearly all of a picture says nothing about where something is.
_WHOLE = 0.98
# As in `Matching`: below this length, what centring leaves of a unit vector is rounding.
_LEAST_LENGTH = 1e-4

PixelBox = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPair:
    """A region of a query image, and the region of a frame that is most like it.

    Attributes:
        query_box: Where in the query image.
        frame_box: Where in the frame.
        similarity: Cosine in [-1, 1] of the two, without what the whole video shares.
    """

    query_box: PixelBox
    frame_box: PixelBox
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMatch:
    """A frame, and what of a query image is seen in it.

    Attributes:
        seconds: Time of the frame.
        similarity: Value of the curve (`Similarity`) there, in [0, 1].
        image: Index of the query image, of several the one whose regions match best.
        pairs: Regions that match, best first; they hardly overlap.
    """

    seconds: float
    similarity: float
    image: int
    pairs: tuple[RegionPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What of the query was seen in a moment.

    Attributes:
        localization: The result that is explained.
        frames: The frames of its best moment (of the whole video, where there is none) that are
            most like the query, in order of time; fewer than three in a short moment.
    """

    localization: Localization
    frames: tuple[FrameMatch, ...]


def check_explainable(recipe: Recipe) -> None:
    """Refuses recipes whose regions do not compare with frames.

    Raises:
        UsageError: Regions and clips have no common space.
    """
    if not recipe.one_space or recipe.region_dim != recipe.clip_dim:
        raise UsageError(
            f"recipe {recipe.name!r} encodes regions of pictures and clips with different "
            "networks, so nobody can say what was seen where; use recipe lite (--recipe lite), or "
            "leave the explanation (--explain) out"
        )


def explain(recipe: Recipe, found: Localization) -> Explanation:
    """Compares the regions of the query with those of the frames most like it.

    Regions are of length 1, less the centre of the video, of length 1, as `Matching` compares; not
    whitened.

    Args:
        recipe: The recipe that the result was found with.
        found: The result; the video and images are read again.

    Raises:
        UsageError: It was found with another recipe, or regions and frames do not compare.
        MediaError: The video or an image can no longer be read.
    """
    check_explainable(recipe)
    if found.fingerprint != recipe.fingerprint:
        raise UsageError(
            f"the moments were found with recipe {found.recipe!r} ({found.fingerprint[:16]}), not "
            f"with {recipe.name!r} ({recipe.fingerprint[:16]}); explain them with the localizer "
            "that found them"
        )
    assert found.similarity is not None
    assert found.centre is not None
    queries = []
    for image, box in zip(found.images, found.boxes, strict=True):
        pixels = pixels_of(image)
        whole = _whole(pixels)
        part = whole if box is None else with_context(whole[2], whole[3], box)
        queries.append(_Regions.of(recipe.encode_image(pixels, box=box), part, found.centre))
    frames: list[FrameMatch] = []
    within = found.best or Segment(0.0, found.duration_seconds)
    times = _best_times(found.similarity, within)
    pictures = frames_at(found.video, [seconds for seconds, _ in times])
    for (seconds, similarity), pixels in zip(times, pictures, strict=True):
        try:
            regions = _Regions.of(recipe.encode_image(pixels), _whole(pixels), found.centre)
        except UnusableFeaturesError:
            # A frame of one colour, which a moment may hold, has nothing to show.
            continue
        # The best pair comes first.
        answers = [_pairs(query, regions) for query in queries]
        image = max(range(len(queries)), key=lambda place: answers[place][0].similarity)
        frames.append(
            FrameMatch(
                seconds=seconds, similarity=similarity, image=image, pairs=tuple(answers[image])
            )
        )
    return Explanation(localization=found, frames=tuple(frames))


def centre_of(
    clips: Float[np.ndarray, "clip clip_dim"], centring: str | None
) -> Float[np.ndarray, " clip_dim"]:
    """What clips share, without whitening as `Matching.centre`: ``m``, or nothing."""
    if centring is None:
        return np.zeros_like(clips[0])
    lengths = np.linalg.norm(clips, axis=1)
    return _unit(clips, least=1e-12).sum(axis=0) / max(1, np.count_nonzero(lengths))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Regions:
    """Regions of a picture as they are compared, and where they lie in pixels of it."""

    features: Float[np.ndarray, "region dim"]
    boxes: Float[np.ndarray, "region 4"]

    @classmethod
    def of(
        cls,
        encoded: QueryFeatures,
        part: tuple[int, int, int, int],
        centre: Float[np.ndarray, " dim"],
    ) -> "_Regions":
        """The regions of a part of a picture but for those that are nearly all of it."""
        sizes = encoded.boxes[:, 2:].prod(axis=1)
        chosen = sizes < _WHOLE * sizes.max()
        if not chosen.any():
            chosen[:] = True
        features = _unit(encoded.regions[chosen].astype(np.float64), least=1e-12)
        left, top, width, height = part
        boxes = encoded.boxes[chosen].astype(np.float64)
        corners = np.concatenate((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, 2:]), axis=1)
        scaled = corners * (width, height, width, height) + (left, top, 0, 0)
        return cls(features=_unit(features - centre, least=_LEAST_LENGTH), boxes=scaled)


def _whole(pixels: UInt8[np.ndarray, "height width 3"]) -> tuple[int, int, int, int]:
    return 0, 0, pixels.shape[1], pixels.shape[0]


def _unit(vectors: Float[np.ndarray, "row dim"], *, least: float) -> Float[np.ndarray, "row dim"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=least)


def _best_times(similarity: Similarity, within: Segment) -> list[tuple[float, float]]:
    """Starts of the clips most like the query, apart from each other, with their values."""
    times, values = similarity.times_seconds, similarity.values
    # Clips begin one stride apart, and the first at 0; the last one may be cut short.
    stride = float(times[1] - times[0]) if len(times) > 1 else 0.0
    inside = (times >= within.start_seconds) & (times < within.end_seconds)
    # So far apart that there is always room for all, wherever the first ones lie.
    apart = within.duration_seconds / (2 * _FRAMES - 1)
    chosen: list[int] = []
    for clip in np.argsort(-values, kind="stable"):
        if len(chosen) == _FRAMES:
            break
        if inside[clip] and all(abs(times[clip] - times[other]) >= apart for other in chosen):
            chosen.append(int(clip))
    return [(clip * stride, float(values[clip])) for clip in sorted(chosen)]


def _pairs(query: _Regions, frame: _Regions) -> list[RegionPair]:
    """The regions most like each other, none of which overlaps much with a better one."""
    similarity = query.features @ frame.features.T
    found: list[RegionPair] = []
    for flat in np.argsort(-similarity, axis=None, kind="stable"):
        row, column = np.unravel_index(flat, similarity.shape)
        pair = RegionPair(
            query_box=_box(query.boxes[row]),
            frame_box=_box(frame.boxes[column]),
            similarity=float(similarity[row, column]),
        )
        # The best one always; what is less like than the rest of the video matches nothing.
        if len(found) == _PAIRS or (found and pair.similarity <= 0):
            break
        if all(
            _shared(pair.query_box, other.query_box) <= _MOST_SHARED
            and _shared(pair.frame_box, other.frame_box) <= _MOST_SHARED
            for other in found
        ):
            found.append(pair)
    return found


def _box(row: Float[np.ndarray, " 4"]) -> PixelBox:
    left, top, width, height = row.tolist()
    return left, top, width, height


def _shared(one: PixelBox, other: PixelBox) -> float:
    """Intersection over union of two boxes."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    overlap = max(0.0, across) * max(0.0, down)
    return overlap / (one[2] * one[3] + other[2] * other[3] - overlap)
