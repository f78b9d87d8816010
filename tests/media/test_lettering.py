import warnings

import pytest
from matplotlib.figure import Figure

from stillseek.media.lettering import lettering


def drawn(name: str) -> str:
    """Draws a name, in bold as titles are; remarks of matplotlib are errors here."""
    text, families = lettering(name)
    figure = Figure()
    figure.text(0.1, 0.1, text, fontfamily=families, fontweight="bold", parse_math=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.canvas.draw()
    return text


@pytest.mark.parametrize("name", ["plain.mp4", "\u00e9t\u00e9 \u03b1.mp4", "a$\\frac{$b$.mp4"])
def test_names_that_the_own_font_has_stay(name: str) -> None:
    assert drawn(name) == name


@pytest.mark.parametrize("name", ["\u9032\u64ca.mp4", "\U0001f3be.mp4", "\ue000\U000f0000.mp4"])
def test_letters_that_no_font_has_are_question_marks(name: str) -> None:
    text = drawn(name)

    assert len(text) == len(name)
    assert all(one in (other, "?") for one, other in zip(text, name, strict=True))


def test_no_font_has_private_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn("a\U000f0000b\nc") == "a?b\ufffdc"
