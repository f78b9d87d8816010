from itertools import pairwise

import numpy as np
import pytest

from stillseek.synthetic.composed.script import draw_script


def _scripts(number=97, others=("b", "c", "d", "e", "f"), rate=10, **kwargs):
    return [
        draw_script(
            f"video{seed}",
            (seed,),
            "a",
            others,
            lambda label: [f"{label}/{k}" for k in range(5)],
            frames_per_second=rate,
            two_targets=bool(seed % 2),
            **kwargs,
        )
        for seed in range(number)
    ]


def test_parts_and_shots_fill_the_video_without_gaps():
    for script in _scripts():
        shots = script.shots
        assert shots[0].start == 0
        assert shots[0].fade == 0
        assert all(before.end == after.start for before, after in pairwise(shots))
        assert all(shot.end > shot.start for shot in shots)
        # Fades of neighbours never meet.
        assert all(a.fade / 2 + b.fade / 2 <= a.end - a.start for a, b in pairwise(shots))
        assert script.duration_seconds == script.num_frames / 10
        assert script.activities[-1].segment.end_seconds == script.duration_seconds


def test_every_class_happens_once_and_the_target_always():
    for script in _scripts():
        labels = [part.label for part in script.parts]
        assert len(set(labels)) == len(labels) >= 2
        assert script.parts[script.targets[0]].label == "a"


def test_a_second_target_is_another_part():
    scripts = _scripts()

    assert {len(script.targets) for script in scripts} == {1, 2}
    assert all(len(set(script.targets)) == len(script.targets) for script in scripts)


def test_the_place_of_the_target_gives_nothing_away():
    first = [script.targets[0] == 0 for script in _scripts(401, others=("b",))]

    # Two parts: one half, with a standard error of 2.5%.
    assert np.mean(first) == pytest.approx(0.5, abs=0.1)


def test_shots_show_photographs_of_their_class_and_repeat_late():
    for script in _scripts():
        for part in script.parts:
            names = [shot.photograph for shot in part.shots]
            assert all(name.startswith(f"{part.label}/") for name in names)
            assert len(set(names[:5])) == len(names[:5])


def test_frame_rates_change_no_lengths():
    slow, fast = _scripts(5, rate=7)[4], _scripts(5, rate=30)[4]

    assert slow.duration_seconds == pytest.approx(fast.duration_seconds, abs=0.2)
    assert [part.label for part in slow.parts] == [part.label for part in fast.parts]
