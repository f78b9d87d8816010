import numpy as np
import pytest

from stillseek.errors import DatasetError
from stillseek.evaluation.fit_calibration import auroc
from stillseek.evaluation.predictions import Prediction, Predictions, PredictionsHeader
from stillseek.evaluation.presence import presence_table, report_presence
from stillseek.evaluation.score_tables import interval, resamples

# Of each simple question: the answer to [10, 30), its score and its presence.
ANSWERS = (
    (10.0, 30.0, 0.9, 0.9),
    (0.0, 20.0, 0.7, 0.6),  # half of it is the activity, and no more
    (29.8, 30.1, 0.3, 0.5),
)


def answered(*rows: tuple[float, float, float, float | None]) -> Predictions:
    return Predictions(
        header=PredictionsHeader(model="sail", checkpoint="c", decode="joint", seed=0),
        rows=tuple(
            Prediction(
                sample_id=f"s{number}",
                start_seconds=start,
                end_seconds=end,
                score=score,
                presence=presence,
            )
            for number, (start, end, score, presence) in enumerate(rows)
        ),
    )


def absent(*rows: tuple[float, float]) -> Predictions:
    """Answers of these scores and presences."""
    return answered(*((0.0, 5.0, score, presence) for score, presence in rows))


ABSENT = {"other": absent((0.1, 0.6), (0.2, 0.2), (0.4, 0.55)), "sibling": absent((0.8, 0.95))}
# All of one video: every draw is the same.
ONE = {"sources": dict.fromkeys(("s0", "s1", "s2"), "source")}


def test_presence_by_hand(make_sample):
    hard = {"query_kind": "difficult", "query_label": "cello", "taxonomy_distance": 2}
    one = {"source_video_id": "source"}
    simple = [make_sample(number, **one) for number in range(3)]
    samples = [*simple, make_sample(3, **hard), make_sample(4, **hard)]
    answers = answered(*ANSWERS, (0.0, 5.0, 0.5, 0.6), (0.0, 5.0, 0.5, 0.1))

    report = report_presence(samples, answers, ABSENT, threshold=0.6, **ONE)

    assert (report.threshold, report.num_present) == (0.6, 3)
    # Presence on the threshold reaches it.
    assert (report.accepted, report.accepted_difficult) == (2 / 3, 0.5)
    rows = [(row.kind, row.num_questions, row.rejected) for row in report.absences]
    assert rows == [("other", 3, 2 / 3), ("sibling", 1, 0.0), ("all", 4, 0.5)]
    # Of nine pairs six are in order and one is a tie; nothing is below 0.95.
    areas = [row.auroc for row in report.absences]
    assert areas == pytest.approx([6.5 / 9, 0.0, 6.5 / 12])
    # By tenth: twice 0.425, 0.1 and 0.025 off, and once 0.2.
    assert report.presence_error == pytest.approx((0.85 + 0.2 + 0.05 + 0.2) / 7)
    # The first and the third answer are right.
    assert report.score_error == pytest.approx((0.1 + 0.7 + 0.7 + 0.1 + 0.2 + 0.4 + 0.8) / 7)
    assert presence_table({"lite": report}).splitlines()[2:] == [
        "| lite | Simple | 3 | | 66.7 | 0.186 (score 0.429) |",
        "| lite | Difficult | | | 50.0 | |",
        "| lite | absent: other | 3 | 0.722 [0.722, 0.722] | 33.3 | |",
        "| lite | absent: sibling | 1 | 0.000 [0.000, 0.000] | 100.0 | |",
        "| lite | absent: all | 4 | 0.542 [0.542, 0.542] | 50.0 | |",
    ]


def test_the_interval_is_over_draws_of_videos(make_sample):
    rng = np.random.default_rng(3)
    present, missing = np.round(rng.random(40), 1), np.round(rng.random(30) - 0.2, 1)
    mine, theirs = rng.integers(6, size=40), rng.integers(6, size=30)
    samples = [make_sample(k, source_video_id=f"v{video}") for k, video in enumerate(mine)]
    report = report_presence(
        samples,
        answered(*((10.0, 30.0, 0.5, float(value)) for value in present)),
        {"other": absent(*((0.5, float(value)) for value in missing))},
        sources={f"s{k}": f"v{video}" for k, video in enumerate(theirs)},
        threshold=0.5,
    )

    areas = [
        auroc(np.repeat(present, counts[mine]), np.repeat(missing, counts[theirs]))
        for counts in resamples(6, seed=0)
    ]
    expected = [float(end) for end in interval(np.array(areas))]
    for row in report.absences:
        assert [*row.auroc_interval] == pytest.approx(expected)
    assert expected[0] < report.absences[0].auroc < expected[1]


def test_draws_without_absent_questions_do_not_count(make_sample):
    samples = [make_sample(k, source_video_id=f"v{k}") for k in range(20)]
    report = report_presence(
        samples,
        answered(*((10.0, 30.0, 0.5, 0.9) for _ in samples)),
        {"other": absent((0.5, 0.1))},
        sources={"s0": "v0"},
        threshold=0.5,
    )
    assert report.absences[0].auroc_interval == (1.0, 1.0)


def test_without_difficult_and_absent_questions(make_sample):
    report = report_presence(
        [*map(make_sample, range(3))], answered(*ANSWERS), {}, threshold=0.5, sources={}
    )

    assert (report.accepted, report.accepted_difficult, report.absences) == (1.0, None, ())
    table = presence_table({"lite": report})
    assert table.endswith(
        f"| lite | Simple | 3 | | 100.0 | {report.presence_error:.3f} ("
        f"score {report.score_error:.3f}) |\n"
    )
    assert "Difficult" not in table


def test_an_answer_without_presence_is_refused(make_sample):
    with pytest.raises(DatasetError, match="the answer to 's0' has no presence; give those of a"):
        report_presence([make_sample()], answered((0.0, 5.0, 0.5, None)), {}, threshold=0.5, **ONE)
