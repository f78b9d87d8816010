from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from stillseek.errors import UnusableFeaturesError, UsageError
from stillseek.localize.localizer import Localizer
from stillseek.localize.query_image import VideoFrame
from stillseek.localize.unlike import add_penalty
from stillseek.models.calibration import penalties
from stillseek.models.decoding import decode
from stillseek.scores import PresenceEvidence, Proposals, Scores, proposal_scores
from stillseek.timeline import Segment

ALL = np.ones((1, 5), dtype=np.bool_)
PENALTY = np.array([[0.0, -1.0, -2.0, 0.0, -4.0]], np.float32)


def of_clips(logits: np.ndarray) -> Scores:
    """What a head says that scores clips: boundary scores are running sums."""
    after = logits.cumsum(axis=1)
    return Scores(start_logits=logits - after, end_logits=after, clip_logits=logits)


def test_a_clip_loses_what_it_is_more_like_another_picture() -> None:
    like = np.array([3.0, 1.0, -np.inf, -2.0])
    others = [np.array([1.0, 2.5, -np.inf, -5.0]), np.array([2.0, 2.0, -np.inf, -1.0])]

    assert penalties(like, others).tolist() == [0.0, -1.5, 0.0, -1.0]
    assert penalties(like, []).tolist() == [0.0] * 4


def test_scored_clips_lose_their_penalties() -> None:
    logits = np.array([[2.0, 3.0, 1.0, -1.0, 7.0]], np.float32)
    evidence = PresenceEvidence(similarity=logits, background=np.zeros(1))
    scores = replace(of_clips(logits), evidence=evidence)

    lower = add_penalty(scores, PENALTY, ALL)

    expected = of_clips(logits + PENALTY)
    np.testing.assert_array_equal(lower.clip_logits, expected.clip_logits)
    np.testing.assert_array_equal(lower.start_logits, expected.start_logits)
    assert lower.evidence is evidence


def test_a_pair_of_boundaries_loses_the_sum_over_its_clips() -> None:
    start, end = np.random.default_rng(3).normal(size=(2, 1, 5)).astype(np.float32)
    mask = np.array([[True, True, True, True, False]])

    lower = add_penalty(Scores(start_logits=start, end_logits=end), PENALTY, mask)

    for first in range(4):
        for last in range(first, 4):
            pair = lower.start_logits[0, first] + lower.end_logits[0, last]
            before = start[0, first] + end[0, last]
            lost = float(PENALTY[0, first : last + 1].sum())
            # Sums of float32.
            assert float(pair - before) == pytest.approx(lost, abs=1e-5)


def test_a_segment_loses_what_lies_in_it() -> None:
    segments = [[[0.0, 1.0], [0.5, 1.5], [1.0, 3.0], [2.25, 5.0], [0.0, 5.0]]]
    proposals = Proposals(
        segments=np.array(segments, np.float32),
        logits=np.array([[1.0, 2.0, 3.0, 4.0, -np.inf]], np.float32),
    )

    lower = add_penalty(proposal_scores(proposals, 5), PENALTY, ALL)

    logits = proposals.logits + np.array([[0.0, -0.5, -3.0, -5.5, -7.0]])
    assert lower.proposals.logits.tolist() == logits.tolist()
    assert lower.proposals.segments is proposals.segments
    expected = proposal_scores(replace(proposals, logits=logits), 5)
    np.testing.assert_array_equal(lower.start_logits, expected.start_logits)
    np.testing.assert_array_equal(lower.end_logits, expected.end_logits)
    assert decode(lower).segments[0, 0].tolist() == [0.5, 1.5]


def textures() -> dict[str, np.ndarray]:
    """Three patterns of 96 x 160 pixels that have nothing in common."""
    rows, columns = np.mgrid[:96, :160]
    discs = (((rows % 24 - 12) ** 2 + (columns % 32 - 16) ** 2) < 60) * 255
    return {
        "stripes": np.stack([255 * (rows // 6 % 2), 40 + 0 * rows, 40 + 0 * rows], axis=-1),
        "ramp": np.stack([60 + columns, 60 + columns, 60 + columns], axis=-1),
        "discs": np.stack([20 + 0 * rows, discs, 255 - discs // 2], axis=-1),
    }


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, Path]:
    """Stripes for 4 s, a ramp for 4 s, discs for 4 s; a picture of stripes and discs."""
    parts = {name: pixels.astype(np.uint8) for name, pixels in textures().items()}
    video, picture = tmp_path / "three parts.mp4", tmp_path / "both.png"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(5))
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for pixels in parts.values():
            for _ in range(20):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    Image.fromarray(np.concatenate((parts["stripes"], parts["discs"]), axis=1)).save(picture)
    return video, picture


STRIPES, DISCS = Segment(0.0, 4.0), Segment(8.0, 12.0)


def where(localizer: Localizer, video: Path, picture, **words) -> str:
    best = localizer.locate(video, picture, **words).best
    return "stripes" if best.iou(STRIPES) > best.iou(DISCS) else "discs"


def test_every_kind_of_query_changes_the_answer(scene, tmp_path: Path) -> None:
    video, both = scene
    localizer = Localizer.load("lite", cache=tmp_path / "cache")

    boxes = [(0, 0, 160, 96), (160, 0, 160, 96)]
    assert [where(localizer, video, both, boxes=[box]) for box in boxes] == ["stripes", "discs"]
    frames = [VideoFrame(video, seconds) for seconds in (2.0, 10.0)]
    assert [where(localizer, video, frame) for frame in frames] == ["stripes", "discs"]
    assert [where(localizer, video, both, unlike=frame) for frame in frames] == ["discs", "stripes"]
    plain, other = localizer.locate(video, both), localizer.locate(video, both, unlike=frames[0])
    first = plain.similarity.times_seconds < 4
    assert (other.similarity.values[first] < plain.similarity.values[first]).all()
    # Several: what either of them shows.
    neither = localizer.locate(video, both, unlike=frames)
    assert neither.presence < min(plain.presence, other.presence)
    assert other.to_json_dict()["unlike"] == [f"{video}@2.0"]
    assert video in other.files


@pytest.mark.usefixtures("use_small_recipe")
def test_a_head_of_boundaries_is_pushed_too(small_head, scene) -> None:
    video, both = scene
    localizer = Localizer.load(checkpoint=small_head)

    plain = localizer.locate(video, both)
    frames = [VideoFrame(video, 10.0), VideoFrame(video, 2.0)]
    other = localizer.locate(video, both, unlike=frames)

    assert other.start_probabilities[:4].sum() < plain.start_probabilities[:4].sum()


@pytest.mark.usefixtures("use_small_recipe")
def test_two_spaces_do_not_compare(small_head, small_recipe, write_picture, monkeypatch) -> None:
    monkeypatch.setattr(type(small_recipe), "one_space", False)
    localizer = Localizer.load(checkpoint=small_head)

    with pytest.raises(UsageError, match="cannot be compared with what the activity is not"):
        localizer.encode_query(write_picture(), unlike=write_picture("other.png", seed=1))


@pytest.mark.usefixtures("use_small_recipe")
def test_a_picture_is_not_what_the_activity_is_and_is_not(
    small_head, write_clip, write_picture
) -> None:
    localizer, video = Localizer.load(checkpoint=small_head), write_clip()
    picture, other = write_picture(), write_picture("other.png", seed=1)
    copy = picture.with_name("copy.png")
    copy.write_bytes(picture.read_bytes())
    pixels = np.asarray(Image.open(picture))

    for images, unlike in (
        ([other, picture], [video.with_name("missing.png"), picture]),
        ([other, picture], [other.with_name("missing.png"), copy]),
        ([other, pixels], [picture, pixels.copy()]),
        ([other, VideoFrame(video, 2.5)], [VideoFrame(video, 3.5), VideoFrame(video, 2.5)]),
    ):
        with pytest.raises(UsageError, match=r"^unlike\[1\] is the same picture as images\[1\]; "):
            localizer.encode_query(images, unlike=unlike)
    # What is around a part of a picture may be what is not meant.
    assert localizer.encode_query(picture, boxes=[(1, 2, 20, 30)], unlike=copy).unlike == (copy,)


def test_a_picture_that_shows_nothing_is_named(tmp_path: Path, write_picture) -> None:
    localizer, good = Localizer.load("lite"), write_picture()
    plain, pixels = tmp_path / "plain.png", np.full((40, 60, 3), 99, np.uint8)
    Image.fromarray(pixels).save(plain)
    said = "the picture is one colour all over, so there is nothing to look for; give a picture "

    for images, words, name in (
        ([good, plain], {}, str(plain)),
        ([good, pixels], {}, "images[1]"),
        (good, {"unlike": plain}, str(plain)),
        (good, {"unlike": pixels}, "unlike[0]"),
        (plain, {"boxes": [(1, 2, 30, 20)]}, f"{plain}, box 1,2,30,20"),
    ):
        with pytest.raises(UnusableFeaturesError) as error:
            localizer.encode_query(images, **words)
        assert str(error.value).startswith(f"{name}: {said}")
