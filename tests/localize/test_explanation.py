"""Explanations of a recipe whose features are colours, so that what matches is known."""

from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from stillseek.errors import UsageError
from stillseek.features.recipes.frame_recipe import FrameRecipe
from stillseek.localize import Localization, Localizer
from stillseek.localize.explanation import centre_of, check_explainable
from stillseek.localize.head import matching_head
from stillseek.models.evidence import unit
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.timeline import Moment

RED, GREEN, BLUE, GREY = (200, 20, 20), (20, 160, 20), (20, 20, 200), (128, 128, 128)
MOSS = (122, 142, 122)


class Colours:
    """The feature of a picture is its mean colour, and that of a cell the colour of the cell."""

    dim, side_pixels, batch_frames, settings, weights = 3, 24, 16, {}, {}

    def embed(self, frames: np.ndarray) -> np.ndarray:
        return frames.mean(axis=(1, 2)).astype(np.float32) / 255

    def embed_map(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cells = frame.reshape(12, 2, 12, 2, 3).mean(axis=(1, 3)).astype(np.float32) / 255
        return cells.mean(axis=(0, 1)), cells


def picture(
    size: tuple[int, int],
    patch: tuple[int, int, int, int],
    colour: tuple[int, int, int],
    *,
    ground: tuple[int, int, int] = MOSS,
) -> np.ndarray:
    """A box (left, top, width, height) of a colour, on a ground that no video has."""
    pixels = np.full((size[1], size[0], 3), ground, np.uint8)
    left, top, width, height = patch
    pixels[top : top + height, left : left + width] = colour
    return pixels


@pytest.fixture(scope="module")
def localizer() -> Localizer:
    recipe = FrameRecipe("colours", Colours())
    return Localizer(recipe=recipe, checkpoint=matching_head(recipe), name="matching:colours")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A green patch, from 3 to 6 seconds a red one in the lower right quarter, a blue one."""
    import av

    path = tmp_path_factory.mktemp("seen") / "patches.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(10), options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 96, 48, "yuv420p"
        for step in range(90):
            patch, colour = [
                ((0, 0, 48, 24), GREEN),
                ((48, 24, 48, 24), RED),
                ((24, 12, 48, 24), BLUE),
            ][step // 30]
            pixels = picture((96, 48), patch, colour, ground=GREY)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def found(localizer: Localizer, video: Path) -> Localization:
    """What is found with a picture whose upper left quarter is red."""
    return localizer.locate(video, picture((60, 40), (0, 0, 30, 20), RED))


def test_what_is_seen_where(localizer: Localizer, found: Localization) -> None:
    explanation = localizer.explain(found)

    assert explanation.localization is found
    assert (found.moments[0].start_seconds, found.moments[0].end_seconds) == (3.0, 6.0)
    times = [frame.seconds for frame in explanation.frames]
    assert len(times) == 3
    assert all(3.0 <= seconds < 6.0 for seconds in times)
    assert np.diff(times).min() >= 3.0 / 5
    for frame in explanation.frames:
        assert frame.image == 0
        best = frame.pairs[0]
        # The red quarter is the upper left one of the query, the lower right one of the frame.
        assert best.query_box == pytest.approx((0, 0, 30, 20))
        assert best.frame_box == pytest.approx((48, 24, 48, 24))
        # Compression changes colours by a few grey levels.
        assert best.similarity == pytest.approx(1, abs=0.01)
        similarities = [pair.similarity for pair in frame.pairs]
        assert similarities == sorted(similarities, reverse=True)


def test_frames_are_the_peaks_of_the_curve(localizer: Localizer, found: Localization) -> None:
    assert found.similarity is not None
    # Clips of half a second: the best at 5.0 s, its neighbour, and one outside of the moment.
    values = np.full(18, 0.1)
    values[[10, 9, 7, 2]] = 0.9, 0.8, 0.7, 1.0
    found = replace(found, similarity=replace(found.similarity, values=values))

    frames = localizer.explain(found).frames

    # 0.6 s apart at least, so the neighbour is passed over; of the rest the first that has room.
    assert [(frame.seconds, frame.similarity) for frame in frames] == [(3.5, 0.7), (5.0, 0.9)]


def test_pairs_hardly_overlap(localizer: Localizer, found: Localization) -> None:
    compared = 0

    for frame in localizer.explain(found).frames:
        assert len(frame.pairs) <= 3
        for one, other in combinations(frame.pairs, 2):
            for name in ("query_box", "frame_box"):
                (x, y, w, h), (left, top, width, height) = getattr(one, name), getattr(other, name)
                across = max(0, min(x + w, left + width) - max(x, left))
                down = max(0, min(y + h, top + height) - max(y, top))
                # As diagonal neighbours of a grid at most: a seventh of both.
                assert 6.9 * across * down <= w * h + width * height - across * down
                compared += 1
    assert compared > 0


def test_a_box_of_the_query_is_drawn_where_it_lies(localizer: Localizer, video: Path) -> None:
    # With its context, a tenth at each side, the box begins at (14, 6) and is 72 x 48.
    query = picture((100, 60), (14, 6, 36, 24), RED)
    found = localizer.locate(video, query, boxes=[(20, 10, 60, 40)])

    frame = localizer.explain(found).frames[0]

    assert frame.pairs[0].query_box == pytest.approx((14, 6, 36, 24))
    assert frame.pairs[0].frame_box == pytest.approx((48, 24, 48, 24))


def test_of_several_images_the_one_that_matches_is_taken(localizer: Localizer, video: Path) -> None:
    # Dull red, far from what the frames have.
    dull = picture((60, 40), (0, 0, 60, 40), (140, 110, 118))
    found = localizer.locate(video, [dull, picture((60, 40), (0, 0, 30, 20), RED)])

    assert {frame.image for frame in localizer.explain(found).frames} == {1}


def test_a_moment_of_one_clip_has_one_frame(localizer: Localizer, found: Localization) -> None:
    (frame,) = localizer.explain(replace(found, moments=(Moment(4.0, 4.5, None),))).frames

    assert frame.seconds == 4.0


def test_without_a_moment_the_whole_video_is_looked_at(
    localizer: Localizer, found: Localization
) -> None:
    frames = localizer.explain(replace(found, moments=())).frames

    assert len(frames) == 3
    assert any(3.0 <= frame.seconds < 6.0 for frame in frames)


def test_results_of_another_recipe_are_refused(localizer: Localizer, found: Localization) -> None:
    with pytest.raises(UsageError, match=r"found with recipe 'colours' \(ffffffffffffffff\), not"):
        localizer.explain(replace(found, fingerprint="f" * 64))


@pytest.mark.parametrize(("name", "value"), [("one_space", False), ("region_dim", 5)])
def test_recipes_of_two_spaces_are_refused(
    localizer: Localizer, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_explainable(localizer.recipe)
    monkeypatch.setattr(localizer.recipe, name, value)

    with pytest.raises(UsageError, match=r"use recipe lite \(--recipe lite\), or leave the expl"):
        check_explainable(localizer.recipe)


@pytest.mark.parametrize("centring", ["video", None])
def test_the_centre_is_that_of_matching(centring) -> None:
    clips = np.random.default_rng(0).standard_normal((7, 12)).astype(np.float32)
    clips[[2, 5]] = 0.0
    widths = {"clip_dim": 12, "region_dim": 12, "global_dim": 12}
    matching = Matching(MatchingConfig(**widths, centring=centring))
    every = unit(torch.from_numpy(clips)[None])

    expected = matching.centre(every, every.abs().amax(dim=-1) > 0)

    np.testing.assert_allclose(centre_of(clips, centring), expected[0, 0], atol=1e-6)
