from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from stillseek.synthetic.composed.camera import Look, draw_look, film
from stillseek.synthetic.composed.script import Part, Script, Shot

_SIZE = (71, 53)
_STEADY = Look(
    shake=0.0, still_share=1.0, noise=0.0, softness=0.0, drift=0.0, jpeg_quality=None, crf=23
)


@pytest.fixture
def script(tmp_path):
    for name, colour in (("red.png", (200, 10, 10)), ("blue.png", (10, 10, 200))):
        Image.new("RGB", (97, 41), colour).save(tmp_path / name)
    shots = (
        Shot(photograph="red.png", start=0, end=11, fade=0),
        Shot(photograph="blue.png", start=11, end=24, fade=4),
    )
    parts = tuple(Part(label=shot.photograph, shots=(shot,)) for shot in shots)
    return Script(video_id="v", seed=(5,), frames_per_second=10, parts=parts, targets=(0,))


def test_shots_fade_around_their_cut(script, tmp_path):
    frames = list(film(script, tmp_path, _SIZE, _STEADY))

    assert len(frames) == 24
    assert {(frame.shape, frame.dtype) for frame in frames} == {((53, 71, 3), np.dtype(np.uint8))}
    blue = np.array([frame[..., 2].mean() for frame in frames])
    # Four frames around the cut at frame 11: the new shot weighs 1/8, 3/8, 5/8 and 7/8.
    assert blue == pytest.approx([10] * 9 + [33.75, 81.25, 128.75, 176.25] + [200] * 11, abs=1.0)


def test_a_cut_changes_at_once(script, tmp_path):
    first, second = script.parts
    cut = replace(second, shots=(replace(second.shots[0], fade=0),))

    frames = list(film(replace(script, parts=(first, cut)), tmp_path, _SIZE, _STEADY))

    blue = [float(frame[..., 2].mean()) for frame in frames]
    assert blue == pytest.approx([10] * 11 + [200] * 13, abs=1.0)


@pytest.mark.parametrize("shape", [(307, 41), (41, 307), (40, 33), (640, 480)])
def test_the_photograph_fills_the_frame(shape, script, tmp_path):
    # A frame that looked past the picture's edge would see the edge twice.
    ramp = np.broadcast_to(np.linspace(0, 255, shape[0])[None, :, None], (shape[1], shape[0], 3))
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "red.png")
    look = replace(_STEADY, shake=0.006, still_share=0.0)

    for seed in range(13):
        # Eleven seconds: long enough to move and zoom far.
        slow = replace(script, seed=(seed,), frames_per_second=1)
        for frame in list(film(slow, tmp_path, _SIZE, look))[:9]:
            rising = np.diff(frame[26, :, 0].astype(int))
            assert rising.min() >= -1


def test_a_still_shot_stands_still_and_others_move(tmp_path, script, blots):
    Image.fromarray(blots(4, width=307, height=211)).save(tmp_path / "red.png")

    def change(look):
        frames = np.stack(list(film(script, tmp_path, _SIZE, look)))[:9].astype(float)
        return np.abs(frames[-1] - frames[0]).mean()

    assert change(replace(_STEADY, still_share=1.0)) < 0.5
    assert change(replace(_STEADY, still_share=0.0)) > 1.0
    assert change(replace(_STEADY, shake=0.006)) > 0.5


@pytest.mark.parametrize(
    "change", [{"noise": 3.0}, {"softness": 0.9}, {"drift": 1.0}, {"jpeg_quality": 40}]
)
def test_each_fault_of_the_camera_shows_a_little(change, script, tmp_path, blots):
    Image.fromarray(blots(4, width=307, height=211)).save(tmp_path / "red.png")

    clean = next(film(script, tmp_path, _SIZE, _STEADY)).astype(float)
    faulty = next(film(script, tmp_path, _SIZE, replace(_STEADY, **change))).astype(float)

    assert 0.05 < np.abs(faulty - clean).mean() < 30


def test_the_seed_decides_every_pixel(script, tmp_path):
    look = draw_look(np.random.default_rng(3))

    first, second = (list(film(script, tmp_path, _SIZE, look)) for _ in range(2))

    assert np.array_equal(first, second)


@pytest.mark.parametrize("shape", [(20_011, 33), (33, 20_011)])
def test_the_middle_of_an_extreme_panorama_is_filmed(shape, script, tmp_path):
    pixels = np.zeros((shape[1], shape[0], 3), np.uint8)
    middle = tuple(slice(side // 2 - 200 if side > 400 else 0, side // 2 + 200) for side in shape)
    pixels[middle[::-1]] = (200, 10, 10)
    Image.fromarray(pixels).save(tmp_path / "red.png")

    frames = list(film(script, tmp_path, _SIZE, _STEADY))

    assert frames[0].reshape(-1, 3).mean(axis=0) == pytest.approx((200, 10, 10), abs=1.0)
