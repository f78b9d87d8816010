"""Draws the rooms of the package from the import contract of pyproject.toml."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/images/rooms.svg"
WIDTH, HEIGHT, GAP = 560, 34, 8


def layers() -> list[list[str]]:
    """The rooms from the top down; those of one layer never import each other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    return [[name.strip(" ()") for name in layer.split("|")] for layer in contract["layers"]]


def drawing() -> str:
    """The stack as SVG, readable on light and on dark pages."""
    stack = layers()
    total = GAP + len(stack) * (HEIGHT + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" '
        f'width="{WIDTH}" height="{total}" font-family="sans-serif" font-size="15">'
    ]
    for place, rooms in enumerate(stack):
        top = GAP + place * (HEIGHT + GAP)
        width = (WIDTH - GAP) / len(rooms) - GAP
        for column, room in enumerate(rooms):
            left = GAP + column * (width + GAP)
            lines += [
                f'<rect x="{left:g}" y="{top}" width="{width:g}" height="{HEIGHT}" rx="5" '
                'fill="#dde5f7" stroke="#5b6ea6"/>',
                f'<text x="{left + width / 2:g}" y="{top + 22}" text-anchor="middle" '
                f'fill="#1b2338">{room}</text>',
            ]
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
