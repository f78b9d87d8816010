import numpy as np
import pytest

from stillseek.errors import DatasetError, UsageError
from stillseek.evaluation.score_tables import (
    bootstrap_means,
    markdown_table,
    paired_difference,
    score_rows,
    swap_accuracy,
)
from stillseek.timeline import Segment

RIGHT, HALF, WRONG = (10.0, 30.0), (10.0, 20.0), (40.0, 50.0)


def test_rows_by_kind_of_query_and_seen_sibling(make_sample, make_run):
    samples = [
        make_sample(9, split="train", label="guitar"),
        make_sample(0),
        make_sample(1, query_kind="difficult", query_label="guitar", taxonomy_distance=2),
        make_sample(2, query_kind="difficult", query_label="cello", taxonomy_distance=2),
    ]
    run = make_run({"s0": RIGHT, "s1": HALF, "s2": WRONG})
    rows = {row.queries: row for row in score_rows(samples, [run], split="test")}
    assert {name: row.miou.value for name, row in rows.items()} == {
        "all": 0.5,
        "simple": 1.0,
        "difficult": 0.25,
        "difficult-seen": 0.5,
        "difficult-unseen": 0.0,
    }
    # Half is not above 0.5.
    above = {0.3: 2 / 3, 0.5: 1 / 3, 0.7: 1 / 3}
    assert {r: e.value for r, e in rows["all"].iou_above.items()} == above
    assert (rows["all"].num_samples, rows["all"].num_videos, rows["all"].num_seeds) == (3, 3, 1)


def test_a_split_of_one_sample(make_sample, make_run):
    (row, simple) = score_rows([make_sample(0)], [make_run({"s0": HALF})], split="test")
    assert (row.queries, simple.queries) == ("all", "simple")
    assert (row.miou.low, row.miou.value, row.miou.high) == (0.5, 0.5, 0.5)


def test_seeds_are_averaged_before_the_bootstrap(make_sample, make_run):
    answers = {"s0": RIGHT, "s1": WRONG}, {"s0": WRONG, "s1": RIGHT}
    runs = [make_run(answer, seed=seed) for seed, answer in enumerate(answers)]
    row = score_rows([make_sample(0), make_sample(1)], runs, split="test")[0]
    # Every video scores 0.5 on average, so drawing videos changes nothing.
    assert (row.miou.low, row.miou.value, row.miou.high) == (0.5, 0.5, 0.5)
    assert row.num_seeds == 2


def test_runs_that_cannot_be_averaged_are_refused(make_sample, make_run):
    samples, answers = [make_sample(0)], {"s0": RIGHT}
    for runs in (
        [],
        [make_run(answers), make_run(answers)],
        [make_run(answers), make_run(answers, seed=1, model="flp")],
    ):
        with pytest.raises(UsageError, match="expected runs of one model"):
            score_rows(samples, runs, split="test")
    with pytest.raises(DatasetError, match="no sample of split 'validation'"):
        score_rows(samples, [make_run(answers)], split="validation")
    with pytest.raises(DatasetError, match="miss 1 of 1"):
        score_rows(samples, [make_run({})], split="test")


def test_intervals_have_the_width_that_theory_says():
    rng = np.random.default_rng(0)
    scores = rng.normal(0.5, 0.2, (401, 1))
    (estimate,) = bootstrap_means(scores, [str(i) for i in range(401)], seed=0)
    error = scores.std() / 401**0.5
    # The percentile ends of 2000 resamples wander by a few percent.
    assert abs((estimate.high - estimate.low) / (2 * 1.96 * error) - 1) < 0.1
    assert estimate.low < estimate.value < estimate.high


def test_samples_of_one_video_are_drawn_together():
    rng = np.random.default_rng(0)
    per_video = rng.random(101)
    scores = np.repeat(per_video, 5)[:, None]
    videos = [f"v{i // 5}" for i in range(505)]
    (clustered,) = bootstrap_means(scores, videos, seed=0)
    (naive,) = bootstrap_means(scores, [str(i) for i in range(505)], seed=0)
    (alone,) = bootstrap_means(per_video[:, None], videos[::5], seed=0)
    # Five copies of a sample tell no more than one, but look like five to the naive bootstrap.
    assert clustered.high - clustered.low > 1.8 * (naive.high - naive.low)
    assert abs((clustered.high - clustered.low) - (alone.high - alone.low)) < 1e-9


def test_the_bootstrap_is_seeded():
    scores, videos = np.random.default_rng(0).random((31, 2)), [str(i) for i in range(31)]
    assert bootstrap_means(scores, videos, seed=1) == bootstrap_means(scores, videos, seed=1)
    assert bootstrap_means(scores, videos, seed=1) != bootstrap_means(scores, videos, seed=2)


@pytest.fixture
def pairs(make_sample):
    early, late = Segment(5.0, 25.0), Segment(35.0, 55.0)
    return [
        make_sample(i, video_id=f"v{i // 2}", segment=segment, pair_id=f"p{i // 2}")
        for i, segment in enumerate([early, late] * 3)
    ]


def test_swap_accuracy(pairs, make_run):
    early, late, between, both = (5.0, 25.0), (35.0, 55.0), (26.0, 34.0), (0.0, 60.0)
    # Both right, one right, ties: overlap with neither and overlap with both alike.
    answers = [early, late, late, late, between, both]
    run = make_run({f"s{i}": answer for i, answer in enumerate(answers)})
    swap = swap_accuracy(pairs, [run], split="test")
    assert swap is not None
    assert swap.num_pairs == 3
    assert swap.per_query.value == 0.5
    assert swap.strict.value == 1 / 3


def test_swap_accuracy_is_averaged_over_seeds(pairs, make_run):
    early, late = (5.0, 25.0), (35.0, 55.0)
    runs = [make_run({"s0": early, "s1": end}, seed=seed) for seed, end in enumerate((late, early))]

    swap = swap_accuracy(pairs[:2], runs, split="test")

    assert swap is not None
    assert (swap.num_pairs, swap.per_query.value, swap.strict.value) == (1, 0.75, 0.5)


def test_an_answer_that_ignores_the_query_gets_at_most_half(pairs, make_run):
    for answer in ((5.0, 25.0), (0.0, 60.0), (10.0, 50.0)):
        swap = swap_accuracy(pairs, [make_run({f"s{i}": answer for i in range(6)})], split="test")
        assert swap is not None
        assert swap.per_query.value <= 0.5
        assert swap.strict.value == 0


def test_swap_accuracy_without_pairs(make_sample, make_run):
    assert swap_accuracy([make_sample(0)], [make_run({"s0": RIGHT})], split="test") is None


def test_a_broken_pair_is_refused(pairs, make_run, make_sample):
    run = make_run({f"s{i}": RIGHT for i in range(6)})
    same = make_sample(1, video_id="v0", segment=pairs[0].segment, pair_id="p0")
    for broken in (pairs[:1], [pairs[0], same], [pairs[0], make_sample(1, pair_id="p0")]):
        with pytest.raises(DatasetError, match="pair_id 'p0' names samples"):
            swap_accuracy(broken, [run], split="test")


def test_markdown(make_sample, make_run):
    rows = score_rows([make_sample(0)], [make_run({"s0": HALF})], split="test")
    assert markdown_table(rows[:1]) == (
        "| model | decode | split | queries | samples | videos | seeds | mIoU | IoU@0.3 | IoU@0.5 "
        "| IoU@0.7 |\n"
        "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| sail | joint | test | all | 1 | 1 | 1 | 50.00 [50.00, 50.00] "
        "| 100.00 [100.00, 100.00] | 0.00 [0.00, 0.00] | 0.00 [0.00, 0.00] |\n"
    )


def test_a_paired_difference_is_drawn_over_sources(make_sample, make_run):
    samples = [
        make_sample(0),
        make_sample(1, source_video_id="v0"),
        make_sample(2, query_kind="difficult", query_label="cello", taxonomy_distance=2),
    ]
    first = [
        make_run({"s0": RIGHT, "s1": HALF, "s2": RIGHT}, seed=0),
        make_run({"s0": HALF, "s1": HALF, "s2": RIGHT}, seed=1),
    ]
    other = [make_run({"s0": HALF, "s1": WRONG, "s2": HALF}, model="flp")]

    # By sample: .75 - .5, .5 - 0 and 1 - .5; the first two are of one source, 0.375 on average.
    found = paired_difference(samples, first, other, split="test")
    assert found.value == pytest.approx(1.25 / 3)
    assert (found.low, found.high) == (pytest.approx(0.375), 0.5)
    turned = paired_difference(samples, other, first, split="test")
    assert (turned.value, turned.low, turned.high) == (-found.value, -found.high, -found.low)
    hard = paired_difference(samples, first, other, split="test", queries="difficult")
    assert (hard.value, hard.low, hard.high) == (0.5, 0.5, 0.5)
    trained = [*samples, make_sample(9, split="train", label="cello")]
    seen = paired_difference(trained, first, other, split="test", queries="difficult-seen")
    assert seen == hard


def test_nothing_to_compare_is_refused(make_sample, make_run):
    run = make_run({"s0": RIGHT})
    with pytest.raises(DatasetError, match="no sample of split 'test' with difficult queries"):
        paired_difference([make_sample(0)], [run], [run], split="test", queries="difficult")
    with pytest.raises(UsageError, match="expected runs of one model"):
        paired_difference([make_sample(0)], [run], [run, run], split="test")
