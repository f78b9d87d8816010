import numpy as np

from stillseek.evaluation.predictions import Prediction, Predictions, PredictionsHeader
from stillseek.experiments.examples import Attention, choose_samples, heat_of


def test_heat_is_the_mean_of_the_regions_over_a_pixel() -> None:
    attention = Attention(
        sample_id="s",
        seed=0,
        boxes=[[0.25, 0.5, 0.5, 1.0], [0.5, 0.5, 1.0, 0.5]],
        regions=[0.8, 0.2],
        edges=[],
        start=[],
        end=[],
    )

    heat = heat_of(attention, (4, 6))

    alone, both, other = 1.0, 0.5 / 0.8, 0.2 / 0.8
    expected = [[alone] * 3 + [0.0] * 3, [both] * 3 + [other] * 3]
    np.testing.assert_allclose(heat, [expected[0], expected[1], expected[1], expected[0]])


def test_samples_are_chosen_by_a_rule(manifest) -> None:
    samples = manifest.of_split("test")
    header = PredictionsHeader(model="sail", checkpoint="c", decode="joint", seed=0)
    rows = []
    for number, sample in enumerate(samples):
        start = sample.segment.start_seconds
        # The later in the list, the better.
        end = start + sample.segment.duration_seconds * (number + 1) / len(samples)
        rows.append(
            Prediction(sample_id=sample.sample_id, start_seconds=start, end_seconds=end, score=1.0)
        )

    chosen = choose_samples(samples, Predictions(header=header, rows=tuple(rows)))

    # Simple ones are 0, 1, 3, 4 of videos a, a, c, d: the best but for a tenth, then the middle of
    # those of other videos, then the worst of the rest; then of the Difficult ones, 2 and 5 of b
    # and d, that of a new video.
    assert [sample.sample_id for sample in chosen] == ["test-4", "test-1", "test-3", "test-2"]
