import numpy as np

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


def test_samples_are_chosen_by_a_rule(manifest, answers_of) -> None:
    samples = manifest.of_split("test")
    # The later in the list, the better.
    answers = answers_of(samples, lambda number, _: (number + 1) / len(samples))

    chosen = choose_samples(samples, answers)

    # Simple ones are 0, 1, 3, 4 of videos a, a, c, d: the best but for a tenth, then the middle of
    # those of other videos, then the worst of the rest; then of the Difficult ones, 2 and 5 of b
    # and d, that of a new video.
    assert [sample.sample_id for sample in chosen] == ["test-4", "test-1", "test-3", "test-2"]
