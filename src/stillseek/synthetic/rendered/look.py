"""What stays the same through one rendered video: its people, colours and places."""

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np

from stillseek.synthetic.rendered.figure import Body, Colour, Number
from stillseek.synthetic.rendered.props import COLOURS

WIDTH, HEIGHT = 320, 240
MARGIN = 40  # the place is painted larger than the picture, so that the camera can move
_SKINS = ((246, 214, 184), (224, 172, 132), (188, 130, 92), (134, 88, 60), (88, 58, 44))
_HAIR = ((28, 22, 20), (70, 46, 30), (140, 96, 50), (206, 170, 96), (150, 150, 150), (120, 52, 30))


def _hsv(rng: np.random.Generator, low: float, high: float, value: float) -> Colour:
    saturation = rng.uniform(low, high)
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(), saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _jitter(rng: np.random.Generator, colour: Colour, amount: Number = 22) -> Colour:
    shade = np.clip(
        np.array(colour) * rng.uniform(0.82, 1.12) + rng.normal(0, amount / 2, 3), 0, 255
    )
    return int(shade[0]), int(shade[1]), int(shade[2])


def _pick(rng: np.random.Generator, options: tuple[Colour, ...]) -> Colour:
    return _jitter(rng, options[rng.integers(len(options))], 10)


def draw_body(rng: np.random.Generator) -> Body:
    """A random person."""
    return Body(
        skin=_pick(rng, _SKINS),
        hair=_pick(rng, _HAIR),
        shirt=_hsv(rng, 0.1, 0.9, rng.uniform(0.35, 0.98)),
        trousers=_hsv(rng, 0.1, 0.7, rng.uniform(0.2, 0.85)),
        shoes=_hsv(rng, 0.0, 0.8, rng.uniform(0.15, 0.95)),
        girth=float(rng.uniform(0.85, 1.3)),
        long_sleeves=bool(rng.random() < 0.5),
        long_trousers=bool(rng.random() < 0.6),
        long_hair=bool(rng.random() < 0.4),
        hat=_hsv(rng, 0.3, 0.9, rng.uniform(0.3, 0.9)) if rng.random() < 0.22 else None,
    )


def draw_palette(rng: np.random.Generator) -> dict[str, Colour]:
    """Object colours of one video: natural ones a little off, the accents free."""
    palette = {name: _jitter(rng, colour) for name, colour in COLOURS.items()}
    palette["accent"] = _hsv(rng, 0.4, 0.95, rng.uniform(0.45, 0.95))
    palette["accent2"] = _hsv(rng, 0.4, 0.95, rng.uniform(0.45, 0.95))
    return palette


def _gradient(image: np.ndarray, top: int, bottom: int, first: Colour, last: Colour) -> None:
    weight = np.linspace(0, 1, max(1, bottom - top))[:, None, None]
    band = np.array(first) * (1 - weight) + np.array(last) * weight
    image[top:bottom] = np.broadcast_to(band, (bottom - top, image.shape[1], 3)).astype(np.uint8)


def _block(
    image: np.ndarray, corner: tuple[int, int], other: tuple[int, int], colour: Colour
) -> None:
    cv2.rectangle(image, corner, other, colour, cv2.FILLED)


def _outdoors(rng: np.random.Generator, image: np.ndarray, horizon: int) -> None:
    height, width = image.shape[:2]
    sky = _jitter(rng, (142, 188, 232), 30)
    _gradient(image, 0, horizon, sky, _jitter(rng, (226, 232, 236), 16))
    for _ in range(rng.integers(0, 4)):
        centre = (int(rng.integers(width)), int(rng.integers(horizon // 2 + 1)))
        radii = (int(rng.integers(18, 50)), int(rng.integers(6, 14)))
        cv2.ellipse(image, centre, radii, 0, 0, 360, (244, 246, 248), cv2.FILLED, cv2.LINE_AA)
    for _ in range(rng.integers(0, 4)):
        x, rise = int(rng.integers(width)), int(rng.integers(20, 90))
        spread = int(rng.integers(60, 200))
        hill = np.array([[x - spread, horizon], [x, horizon - rise], [x + spread, horizon]])
        shades = ((92, 128, 96), (120, 124, 140), (150, 140, 110))
        cv2.fillPoly(image, [hill.astype(np.int32)], _pick(rng, shades), cv2.LINE_AA)
    grounds = ((98, 148, 78), (206, 186, 136), (228, 234, 240), (128, 122, 116), (150, 112, 80))
    ground = _pick(rng, grounds)
    _gradient(image, horizon, height, ground, _jitter(rng, ground, 14))
    for _ in range(rng.integers(0, 5)):
        x, tall = int(rng.integers(width)), int(rng.integers(40, 110))
        foot = horizon + int(rng.integers(0, 16))
        if rng.random() < 0.6:
            cv2.line(image, (x, foot), (x, foot - tall // 2), _pick(rng, ((96, 68, 46),)), 5)
            middle = x, foot - int(tall * 0.7)
            leaves = ((62, 112, 58), (96, 134, 62), (176, 120, 52))
            cv2.circle(image, middle, tall // 3, _pick(rng, leaves), cv2.FILLED, cv2.LINE_AA)
        else:
            wall = _hsv(rng, 0.05, 0.4, rng.uniform(0.45, 0.85))
            wide = int(rng.integers(30, 80))
            _block(image, (x, foot - tall), (x + wide, foot), wall)
            for row in range(foot - tall + 8, foot - 10, 18):
                for column in range(x + 6, x + wide - 8, 14):
                    _block(image, (column, row), (column + 7, row + 9), (86, 96, 116))


def _indoors(rng: np.random.Generator, image: np.ndarray, horizon: int) -> None:
    height, width = image.shape[:2]
    wall = _hsv(rng, 0.02, 0.4, rng.uniform(0.5, 0.95))
    _gradient(image, 0, horizon, wall, _jitter(rng, wall, 10))
    floors = ((170, 128, 84), (122, 118, 114), (196, 190, 180), (110, 78, 56), (88, 100, 128))
    floor = _pick(rng, floors)
    _gradient(image, horizon, height, floor, _jitter(rng, floor, 14))
    cv2.line(image, (0, horizon), (width, horizon), _jitter(rng, (110, 100, 92)), 3)
    if rng.random() < 0.4:
        for x in range(int(rng.integers(20)), width, int(rng.integers(16, 44))):
            cv2.line(image, (x, 0), (x, horizon), _jitter(rng, wall, 12), int(rng.integers(1, 8)))
    for _ in range(rng.integers(0, 5)):
        x, y = int(rng.integers(width)), int(rng.integers(6, max(7, horizon - 60)))
        wide, tall = int(rng.integers(18, 70)), int(rng.integers(18, 60))
        frame = _jitter(rng, (120, 96, 70), 50)
        _block(image, (x - 3, y - 3), (x + wide + 3, y + tall + 3), frame)
        top, bottom = _hsv(rng, 0.1, 0.8, 0.8), _hsv(rng, 0.1, 0.8, 0.7)
        _gradient(image[:, x : x + wide], y, min(y + tall, horizon), top, bottom)
    for _ in range(rng.integers(0, 4)):
        x, tall = int(rng.integers(width)), int(rng.integers(20, 80))
        wide = int(rng.integers(24, 80))
        colour = _hsv(rng, 0.1, 0.6, rng.uniform(0.3, 0.8))
        _block(image, (x, horizon + 6 - tall), (x + wide, horizon + 8), colour)


def draw_place(rng: np.random.Generator) -> np.ndarray:
    """A background, indoors or outdoors, that says nothing about the activity."""
    image = np.zeros((HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN, 3), np.uint8)
    horizon = int(image.shape[0] * rng.uniform(0.5, 0.72))
    (_outdoors if rng.random() < 0.55 else _indoors)(rng, image, horizon)
    grain = rng.normal(0, rng.uniform(1, 6), (image.shape[0] // 2, image.shape[1] // 2, 1))
    grain = cv2.resize(grain.astype(np.float32), (image.shape[1], image.shape[0]))
    return np.clip(image + grain[..., None], 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Look:
    """The cast, the object colours, the places and the brightness of one video."""

    bodies: tuple[Body, ...]
    palette: dict[str, Colour]
    places: tuple[np.ndarray, ...]
    gain: float


def draw_look(rng: np.random.Generator) -> Look:
    """A random cast, palette and one or two places."""
    return Look(
        bodies=tuple(draw_body(rng) for _ in range(4)),
        palette=draw_palette(rng),
        places=tuple(draw_place(rng) for _ in range(1 + int(rng.random() < 0.5))),
        gain=float(rng.uniform(0.78, 1.15)),
    )
