import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillseek.errors import FeatureError, UsageError
from stillseek.localize.window_search import SearchMethod, checked_search, find_moments
from stillseek.scores import Proposals, Scores, proposal_scores
from stillseek.timeline import ClipGrid

# Clips of 2 s every second; what they show is their first number: 1 inside the moment. The last is
# their place in the video.
STRIDE, LENGTH = 1.0, 2.0


def video(num_clips: int, *moments: range) -> tuple[np.ndarray, ClipGrid]:
    clips = np.zeros((num_clips, 3), dtype=np.float32)
    clips[:, 2] = np.arange(num_clips)
    for number, moment in enumerate(moments):
        clips[moment.start : moment.stop, 0] = 1 - 0.1 * number  # the first is the clearest
    grid = ClipGrid(
        stride_seconds=STRIDE, length_seconds=LENGTH, duration_seconds=num_clips * STRIDE
    )
    return clips, grid


def edges(clips: np.ndarray, mask: np.ndarray) -> Scores:
    """Is sure of where clips begin to show it and where they stop."""
    shown = np.pad(clips[..., 0], ((0, 0), (1, 1)))
    rise, fall = np.diff(shown[:, :-1]), -np.diff(shown[:, 1:])
    return Scores(start_logits=20 * rise, end_logits=20 * fall)


def of_clips(logits: np.ndarray) -> Scores:
    """What a head says that scores clips: boundary scores are running sums."""
    after = logits.cumsum(axis=1)
    return Scores(start_logits=logits - after, end_logits=after, clip_logits=logits)


def likeness(clips: np.ndarray, mask: np.ndarray) -> Scores:
    return of_clips(clips[..., 0] - 0.5)


class Shown:
    """A head that writes down what it is shown: windows and steps, first and last clip of each."""

    def __init__(self, head=edges) -> None:
        self.head = head
        self.shapes: list[tuple[int, ...]] = []
        self.windows: list[tuple[int, int]] = []

    def __call__(self, clips: np.ndarray, mask: np.ndarray) -> Scores:
        self.shapes.append(clips.shape[:2])
        self.windows += [(int(row[0, 2]), int(row[-1, 2])) for row in clips]
        return self.head(clips, mask)


def bounds(moment) -> tuple[float, float]:
    return moment.start_seconds, moment.end_seconds


def test_one_clip_is_the_moment() -> None:
    clips, grid = video(1, range(1))

    _, (moment,) = find_moments(edges, clips, grid)

    assert bounds(moment) == (0.0, STRIDE)


@pytest.mark.parametrize(("limit", "windows"), [(300, [(1, 250)]), (100, [(1, 100), (4, 100)])])
def test_heads_look_at_as_many_clips_as_they_were_trained_with(limit, windows) -> None:
    clips, grid = video(250, range(30, 50))
    head = Shown()

    _, (moment,) = find_moments(head, clips, grid, search="exhaustive", max_steps=limit)

    assert head.shapes == windows
    assert bounds(moment) == (grid.seconds_at(30.0), grid.seconds_at(50.0))


@pytest.mark.parametrize("search", ["refined", "exhaustive", "pooled"])
def test_up_to_200_clips_get_one_look(search) -> None:
    clips, grid = video(200, range(30, 50))
    head = Shown()

    output, (moment,) = find_moments(head, clips, grid, similar=likeness, search=search)

    assert head.shapes == [(1, 200)]
    assert output.start_logits.shape == (1, 200)
    assert bounds(moment) == (30.0, 49 + STRIDE)


@pytest.mark.parametrize(
    ("search", "moment"),
    [
        ("refined", range(3)),
        ("refined", range(611, 634)),
        ("refined", range(998, 1003)),
        ("exhaustive", range(3)),
        ("exhaustive", range(611, 634)),
    ],
)
def test_a_moment_of_a_long_video_is_found_to_the_clip(search, moment) -> None:
    clips, grid = video(1003, moment)

    _, (found,) = find_moments(edges, clips, grid, similar=likeness, search=search)

    assert bounds(found) == (moment.start, moment.stop - 1 + STRIDE)


@pytest.mark.parametrize(
    ("num_clips", "moment", "search", "step"),
    [
        (1000, range(612, 633), "pooled", 5),
        # Longer than the windows: one that is twice as long has 1200 clips in 200 steps.
        (2000, range(500, 1100), "refined", 6),
    ],
)
def test_what_is_pooled_is_found_to_the_step(num_clips, moment, search, step) -> None:
    clips, grid = video(num_clips, moment)

    output, (found,) = find_moments(edges, clips, grid, similar=likeness, search=search)

    assert output.start_logits.shape == (1, 200)
    assert bounds(found) == pytest.approx((moment.start, moment.stop + 1), abs=step)


def test_without_likeness_places_come_from_the_look_at_the_whole() -> None:
    clips, grid = video(1000, range(612, 633))
    head = Shown()

    _, (found,) = find_moments(head, clips, grid, search="refined")

    assert bounds(found) == (612.0, 632 + STRIDE)
    assert head.shapes[0] == (1, 200)


@pytest.mark.parametrize("search", ["refined", "exhaustive"])
def test_several_moments_come_best_first(search) -> None:
    clips, grid = video(900, range(700, 730), range(100, 120), range(400, 415))

    _, found = find_moments(edges, clips, grid, similar=likeness, search=search, top=3)

    assert {bounds(moment) for moment in found} == {(700, 730), (100, 120), (400, 415)}
    assert bounds(found[0]) == (700, 730)
    assert [m.score for m in found] == sorted((m.score for m in found), reverse=True)


def test_a_head_that_scores_clips_looks_at_all_of_them_at_once() -> None:
    clips, grid = video(700, range(612, 633))
    head = Shown(likeness)

    _, (found,) = find_moments(head, clips, grid, similar=likeness)

    assert head.shapes == [(1, 200), (1, 700)]
    assert bounds(found) == (612.0, 632 + STRIDE)


def test_features_that_are_no_numbers_are_refused() -> None:
    clips, grid = video(7)
    clips[3, 1] = np.nan

    with pytest.raises(FeatureError, match="the feature of clip 3 is not a number"):
        find_moments(edges, clips, grid)


def nonsense(seed: int, kind: str):
    """A head that scores at random, the same window always alike."""

    def score(clips: np.ndarray, mask: np.ndarray) -> Scores:
        random = np.random.default_rng(seed + clips.shape[1])
        first, second = 3 * random.normal(size=(2, *mask.shape)).astype(np.float32)
        if kind == "clips":
            return of_clips(first)
        if kind == "boundaries":
            return Scores(start_logits=first, end_logits=second)
        bounds = np.sort(random.random((*mask.shape, 2)), axis=-1)
        segments = (bounds * (mask.shape[1] - 0.2) + [0.0, 0.1]).astype(np.float32)
        return proposal_scores(Proposals(segments=segments, logits=first), mask.shape[1])

    return score


@pytest.mark.parametrize("kind", ["boundaries", "clips", "segments"])
@given(
    seed=st.integers(0, 2**30),
    num_clips=st.integers(1, 411),
    length=st.sampled_from([1.0, 2.0, 3.5]),
    cut=st.floats(0.0, 0.9),
    search=st.sampled_from(["refined", "exhaustive", "pooled"]),
    top=st.integers(1, 13),
    placed=st.booleans(),
)
@settings(max_examples=40)
def test_no_moment_lies_in_another(
    kind: str,
    seed: int,
    num_clips: int,
    length: float,
    cut: float,
    search: SearchMethod,
    top: int,
    placed: bool,
) -> None:
    clips = np.zeros((num_clips, 3), dtype=np.float32)
    grid = ClipGrid(stride_seconds=1.0, length_seconds=length, duration_seconds=num_clips - cut)
    similar = nonsense(seed + 1, "clips") if placed else None

    _, moments = find_moments(
        nonsense(seed, kind), clips, grid, similar=similar, search=search, top=top
    )

    assert 1 <= len(moments) <= top
    assert [m.score for m in moments] == sorted((m.score for m in moments), reverse=True)
    for first, second in itertools.combinations(moments, 2):
        assert (first.start_seconds < second.start_seconds) == (
            first.end_seconds < second.end_seconds
        )
        assert first.start_seconds != second.start_seconds
        assert first.end_seconds != second.end_seconds
        assert first.segment.iou(second.segment) <= 0.3 + 1e-6


def test_more_moments_than_there_can_be_cost_nothing() -> None:
    clips, grid = video(7, range(2, 4))

    _, moments = find_moments(edges, clips, grid, top=10**12)

    assert 1 <= len(moments) <= 7


def surest(certain: dict[int, float], num_clips: int, elsewhere: float = -9.0) -> np.ndarray:
    """Certainty at some clips, and less elsewhere."""
    values = np.full(num_clips, elsewhere)
    values[list(certain)] = list(certain.values())
    return values


@pytest.mark.parametrize(("more", "less"), [(3.0, 1.0), (0.5, 0.0)])
def test_a_head_that_scores_clips_looks_near_the_surest(more, less) -> None:
    # What looks most like the picture is not what is surest: certainty is comparable, looks not.
    clips, grid = video(1007, range(100, 190), range(612, 633))

    _, found = find_moments(
        likeness, clips, grid, certainty=surest({620: more, 150: less}, 1007), top=2
    )

    assert [bounds(moment) for moment in found] == [(612.0, 632 + STRIDE), (100.0, 189 + STRIDE)]
    assert [moment.score for moment in found] == [more, less]


@pytest.mark.parametrize("end", [1300, 1600])  # of more than half the video, too
def test_a_moment_longer_than_a_closer_look_is_looked_at_from_farther(end) -> None:
    clips, grid = video(2003, range(500, end))

    _, (found,) = find_moments(likeness, clips, grid, certainty=surest({700: 2.0}, 2003))

    assert bounds(found) == (500.0, end - 1 + STRIDE)


def test_a_long_video_that_shows_nothing_has_a_moment_all_the_same() -> None:
    clips, grid = video(503, range(300, 320))

    _, found = find_moments(likeness, clips, grid, certainty=np.full(503, -np.inf))

    assert [bounds(moment) for moment in found] == [(300.0, 319 + STRIDE)]


@pytest.mark.parametrize(
    ("moment", "window"),
    [
        (range(611, 633), (592, 651)),  # 60 s with the moment in their middle
        (range(3), (0, 59)),
        (range(998, 1003), (943, 1002)),
        (range(300, 350), (275, 374)),  # twice as long as it
        (range(700), (2, 999)),  # all of it, in 200 steps of about five clips
    ],
)
def test_a_closer_look_is_at_a_minute_around_the_place(moment, window) -> None:
    clips, grid = video(1003, moment)
    head = Shown()

    find_moments(head, clips, grid, similar=likeness)

    assert head.windows[1:] == [window]


@pytest.mark.parametrize(("stride", "num_clips"), [(0.7, 86), (0.1, 200), (2.0, 30)])
def test_a_minute_has_more_clips_where_they_are_denser(stride, num_clips) -> None:
    clips, _ = video(1003, range(611, 633))
    grid = ClipGrid(stride_seconds=stride, length_seconds=2.0, duration_seconds=1003 * stride)
    head = Shown()

    find_moments(head, clips, grid, similar=likeness)

    ((first, last),) = head.windows[1:]
    assert last - first + 1 == max(num_clips, 44)  # twice the moment


def sees(*moments: range):
    """A head that is sure of moments in clips of their numbers, the first ones more."""

    def score(clips: np.ndarray, mask: np.ndarray) -> Scores:
        numbers = clips[..., 2].round()
        start, end = np.zeros((2, *numbers.shape))
        for place, moment in enumerate(moments):
            start[numbers == moment.start] = 40.0 - place
            end[numbers == moment.stop - 1] = 40.0 - place
        return Scores(start_logits=start, end_logits=end)

    return score


@pytest.mark.parametrize(
    ("seen", "is_same"),
    [
        (range(604, 624), True),  # a tIoU of 6 / 24 with the place
        (range(605, 625), False),  # of 5 / 25, exactly the limit
    ],
)
def test_boundaries_are_those_that_the_head_sees_nearby(seen, is_same) -> None:
    clips, grid = video(1003, range(600, 610))

    _, (found,) = find_moments(sees(seen), clips, grid, similar=likeness)

    assert bounds(found) == ((seen.start, seen.stop) if is_same else (600, 610))


@pytest.mark.parametrize(("place", "is_seen"), [(3, True), (4, False)])
def test_four_moments_of_a_closer_look_are_compared_with_the_place(place, is_seen) -> None:
    clips, grid = video(1003, range(600, 606))
    others = [range(first, first + 4) for first in (580, 588, 614, 621)]
    looks = [*others[:place], range(600, 605)]

    _, (found,) = find_moments(sees(*looks), clips, grid, similar=likeness)

    assert bounds(found) == (600, 605 if is_seen else 606)


def test_certainty_is_for_heads_that_score_clips() -> None:
    clips, grid = video(1003, range(611, 633))
    head = Shown()

    find_moments(head, clips, grid, similar=likeness, certainty=surest({100: 3.0}, 1003))

    assert head.windows[1:] == [(592, 651)]


def test_exhaustive_windows_come_sixteen_at_a_time_each_half_over_the_next() -> None:
    clips, grid = video(2003)
    head = Shown()

    find_moments(head, clips, grid, search="exhaustive")

    assert head.shapes == [(1, 200), (16, 200), (4, 200)]
    firsts = [*range(0, 1803, 100), 1803]
    assert head.windows[1:] == [(first, first + 199) for first in firsts]


NOTHING = float("-inf")


@pytest.mark.parametrize(
    ("moment", "certain", "windows"),
    [
        # The first and the last clip of what one moment takes up, and those beside them.
        (range(612, 633), {620: 9.0, 608: 8.0, 636: 7.0}, [(590, 649)]),
        (range(612, 633), {620: 9.0, 607: 8.0}, [(590, 649), (578, 637)]),
        (range(612, 633), {620: 9.0, 637: 8.0}, [(590, 649), (608, 667)]),
        (range(20), {2: 9.0, 0: 8.0}, [(0, 59)]),
        # A peak beside the moment counts as part of it.
        (range(612, 633), {637: 9.0, 641: 8.0}, [(608, 667)]),
        (range(612, 633), {637: 9.0, 642: 8.0}, [(608, 667), (612, 671)]),
        (range(612, 633), {607: 9.0, 603: 8.0}, [(578, 637)]),
        (range(612, 633), {607: 9.0, 602: 8.0}, [(578, 637), (572, 631)]),
        # Once where the window is twice as long as the moment, again from farther where not.
        (range(605, 635), {620: 9.0}, [(590, 649)]),
        (range(605, 636), {620: 9.0}, [(590, 649), (590, 651)]),
        # Four places for a moment.
        (range(0), {100 * place: 9.0 - place for place in range(1, 8)}, None),
    ],
)
def test_places_near_the_surest_clips(moment, certain, windows) -> None:
    clips, grid = video(1007, moment)
    head = Shown(likeness)

    find_moments(head, clips, grid, certainty=surest(certain, 1007, NOTHING))

    around = [(100 * place - 30, 100 * place + 29) for place in range(1, 5)]
    assert head.windows[1:] == (windows or around)


@pytest.mark.parametrize(("peak", "expected"), [(612, (612.0, 620.0)), (620, (635.0, 648.0))])
def test_the_moment_that_holds_the_surest_clip_comes_before_a_better_one(peak, expected) -> None:
    clips, grid = video(1007, range(635, 648), range(612, 620))

    _, found = find_moments(likeness, clips, grid, certainty=surest({peak: 0.5}, 1007, NOTHING))

    assert [bounds(moment) for moment in found] == [expected]


def test_a_moment_that_ends_where_it_starts_is_none() -> None:
    clips, grid = video(7)

    def touching(clips: np.ndarray, mask: np.ndarray) -> Scores:
        start, end = np.zeros((2, 1, 7))
        start[0, 5] = end[0, 4] = 9.0
        return Scores(start_logits=start, end_logits=end)

    assert find_moments(touching, clips, grid, method="independent")[1] == ()


def test_moments_with_a_tiou_on_the_limit_are_both_kept() -> None:
    clips, grid = video(40)
    segments, logits = np.array([[[10.0, 23.0], [17.0, 30.0]]]), np.array([[2.0, 1.0]])

    def score(clips: np.ndarray, mask: np.ndarray) -> Scores:
        return proposal_scores(Proposals(segments=segments, logits=logits), mask.shape[1])

    _, found = find_moments(score, clips, grid, top=2)

    assert [bounds(moment) for moment in found] == [(10.0, 23.0), (17.0, 30.0)]  # 6 of 20 s


@pytest.mark.parametrize(
    ("decode", "search", "found"),
    [
        ("joint", None, "refined"),
        ("joint", "exhaustive", "exhaustive"),
        ("independent", None, "pooled"),
        ("independent", "pooled", "pooled"),
    ],
)
def test_what_is_left_open_is_the_search_that_fits(decode, search, found) -> None:
    assert checked_search(("joint", "independent"), 1, decode, search, None) == found


def test_independent_decoding_has_one_look() -> None:
    with pytest.raises(UsageError, match="looks at the whole video once; leave out search 'ref"):
        checked_search(("joint", "independent"), 1, "independent", "refined", None)
