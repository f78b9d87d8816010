"""Makes the picture of the README: an answer of the default recipe on a made-up landscape film.

Four scenes are computed, with noise in the place of clouds, water, fire and snow: no photograph is
needed, and none is in the picture. The query is another campfire than that of the film.

    python benchmarks/picture.py [--out runs/picture]
"""

import argparse
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image
from pocket import ROOT

from stillseek.localize import Localizer
from stillseek.localize.localization import format_span
from stillseek.localize.plot import plot_localization
from stillseek.media.write import VideoWriter
from stillseek.timeline import Segment

PICTURE = ROOT / "docs/images/locate.png"
WIDTH, HEIGHT, RATE = 320, 240, 10
X, Y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
Scene = Callable[[float], np.ndarray]


class Noise:
    """Smooth random numbers over the plane, drifting: octaves of one random tile."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._tile = rng.random((64, 64))

    def at(self, x: np.ndarray, y: np.ndarray, octaves: int = 5) -> np.ndarray:
        """Values in [0, 1]."""
        total, weight = np.zeros_like(x), 0.0
        for octave in range(octaves):
            share = 0.5**octave
            total += share * self._smooth(x * 2**octave + 17 * octave, y * 2**octave)
            weight += share
        return total / weight

    def _smooth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        u, v = x - left, y - top
        u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
        corner = [
            [self._tile[(top + row) % 64, (left + column) % 64] for column in (0, 1)]
            for row in (0, 1)
        ]
        upper = corner[0][0] * (1 - u) + corner[0][1] * u
        lower = corner[1][0] * (1 - u) + corner[1][1] * u
        return upper * (1 - v) + lower * v


def blend(low: tuple[int, ...], high: tuple[int, ...], share: np.ndarray) -> np.ndarray:
    """Colours between two."""
    share = share.clip(0, 1)[..., None]
    return np.array(low) * (1 - share) + np.array(high) * share


def sky(noise: Noise, t: float, zenith: tuple[int, ...], low: tuple[int, ...]) -> np.ndarray:
    """A sky with clouds that drift."""
    depth = 1 / (1.25 - Y)
    clouds = noise.at(X * depth * 4 + 0.1 * t, depth * 6)
    return blend(zenith, low, Y * 2) + 150 * ((clouds - 0.5) * 3).clip(0, 1)[..., None]


def sea(rng: np.random.Generator) -> Scene:
    """Waves under clouds."""
    air, water = Noise(rng), Noise(rng)

    def draw(t: float) -> np.ndarray:
        depth = 1 / (Y - 0.42).clip(0.012)
        waves = water.at(X * 2 + (X - 0.5) * depth * 1.6, depth * 2.2 + 0.8 * t)
        colour = blend((12, 52, 78), (96, 152, 168), (waves - 0.35) * 2.2)
        colour += 170 * ((waves - 0.66) * 9).clip(0, 1)[..., None]
        return np.where((Y > 0.42)[..., None], colour, sky(air, t, (62, 116, 188), (206, 220, 232)))

    return draw


def fire(rng: np.random.Generator, *, place: float, size: float, dusk: bool) -> Scene:
    """A campfire on stones at night, or at dusk."""
    flames, ground, trees = Noise(rng), Noise(rng), Noise(rng)

    def draw(t: float) -> np.ndarray:
        flicker = 1 + 0.12 * np.sin(9 * t) * np.sin(5.3 * t)
        far = (
            blend((14, 16, 34), (58, 42, 62), Y * 2) if dusk else blend((3, 4, 10), (9, 10, 16), Y)
        )
        trunks = trees.at(X * 16, Y * 2) > 0.56 - 0.2 * Y
        picture = np.where((trunks & (Y < 0.72))[..., None], far * 0.35, far)
        grain = ground.at(X * 26, Y * 60)[..., None]
        picture = np.where((Y > 0.72)[..., None], np.array((74, 60, 46)) * grain * 0.8, picture)
        x, y = (X - place) / size, (0.8 - Y) / size
        glow = np.exp(-(x**2 + (y - 0.4) ** 2) * 1.4)[..., None] * flicker
        picture = picture * (0.5 + 2.2 * glow) + glow * np.array((70, 30, 6))
        logs = ((y + 0.04 - 0.5 * np.abs(x)) ** 2 < 0.004) & (np.abs(x) < 0.45)
        picture = np.where(logs[..., None], np.array((58, 34, 20)) * (0.6 + grain), picture)
        wind = 0.28 * (flames.at(y * 2 - 2.2 * t, 0 * x + 3 + t) - 0.5) * y.clip(0)
        body = 1 - np.abs(x + wind) / (0.36 * (1 - (y / 1.45)).clip(0.02))
        lick = flames.at(x * 5, -y * 3.2 + 3.4 * t) - 0.42
        heat = (1.5 * body + 1.9 * lick - 0.55 * y).clip(0, 1.6) * (y > -0.05) * (y < 1.45)
        hue = np.stack([255 * heat**0.5, 205 * heat**1.25, 120 * heat**3], axis=-1)
        share = (heat * 2.2).clip(0, 1)[..., None]
        return picture * (1 - share) + hue * share

    return draw


def forest(rng: np.random.Generator) -> Scene:
    """Trunks in falling snow."""
    bark, ground = Noise(rng), Noise(rng)
    trees = sorted((rng.uniform(0.2, 1), rng.random()) for _ in range(22))
    flakes = rng.random((260, 3))

    def draw(t: float) -> np.ndarray:
        drift = ground.at(X * 5, Y * 14)[..., None]
        picture = np.where((Y > 0.6)[..., None], 190 + 50 * drift, 196 + 20 * Y[..., None])
        picture = picture * np.array((0.94, 0.98, 1.04))
        for near, place in trees:
            width = 0.004 + 0.035 * near**2
            foot = 0.56 + 0.36 * near
            inside = (np.abs(X - place) < width) & (foot > Y)
            skin = 30 + 80 * bark.at(X * 60, Y * 9)[..., None]
            picture = np.where(inside[..., None], skin * near + 200 * (1 - near), picture)
        for x, y, near in flakes:
            row = int(((y + t * (0.1 + 0.25 * near)) % 1) * (HEIGHT - 2))
            column = int(((x + 0.03 * np.sin(2 * t + 9 * near)) % 1) * (WIDTH - 2))
            picture[row : row + 1 + (near > 0.6), column : column + 1 + (near > 0.6)] = 252
        return picture

    return draw


def city(rng: np.random.Generator) -> Scene:
    """Windows at night, and what a river makes of them."""
    air, river = Noise(rng), Noise(rng)
    heights, lit = rng.uniform(0.16, 0.5, 14), rng.random((80, 110))
    tint = rng.random((80, 110))

    def draw(t: float) -> np.ndarray:
        shift = 0.05 * (river.at(X * 6, Y * 50 + 2 * t) - 0.5) * (Y > 0.64)
        x, y = X + shift, np.where(Y > 0.64, 1.28 - Y, Y)
        top = 0.64 - heights[(x * 14).astype(int).clip(0, 13)]
        column, row = (x * 109).astype(int).clip(0, 109), (y * 79).astype(int).clip(0, 79)
        frame = ((x * 109) % 1 < 0.62) & ((y * 79) % 1 < 0.6)
        light = (lit[row, column] > 0.62) & frame & (y > top + 0.01)
        warm = blend((255, 206, 120), (196, 214, 255), tint[row, column])
        walls = np.where(
            (y > top)[..., None], np.array((20, 22, 32)), blend((10, 12, 36), (70, 52, 80), y * 1.5)
        )
        walls = walls + 20 * air.at(X * 3 + 0.1 * t, Y * 5)[..., None] * (y < top)[..., None]
        return np.where(light[..., None], warm, walls) * np.where(Y > 0.64, 0.6, 1)[..., None]

    return draw


def frames(scene: Scene, seconds: float, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """A scene through a camera: a slow pan, and the sensor's noise."""
    for number in range(round(seconds * RATE)):
        picture = np.roll(scene(number / RATE), round(2 * np.sin(number / 9)), axis=1)
        yield (picture + rng.normal(0, 5, picture.shape)).clip(0, 255).astype(np.uint8)


def main() -> None:
    """Writes the film and the query, and draws the answer."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs/picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    film = [
        (sea(rng), 9.0), (forest(rng), 8.0), (fire(rng, place=0.56, size=0.42, dusk=False), 11.0),
        (city(rng), 9.0),
    ]  # fmt: skip
    video, query = out / "evening.mp4", out / "campfire.png"
    with VideoWriter(video, frame_rate=Fraction(RATE)) as writer:
        for scene, seconds in film:
            for frame in frames(scene, seconds, rng):
                writer.write(frame)
    other = fire(np.random.default_rng(1), place=0.4, size=0.6, dusk=True)
    Image.fromarray(next(frames(other, 0.1, rng))).save(query)
    found = Localizer.load().locate(video, query)
    truth = Segment(17.0, 28.0)
    plot_localization(found, PICTURE, true_segment=truth, overwrite=True)
    assert found.best is not None
    print(f"found {format_span(found.best)}, true {format_span(truth)}, presence {found.presence}")


if __name__ == "__main__":
    main()
