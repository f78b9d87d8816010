"""Names of files as text in figures: no formulas, and no boxes for letters that a font lacks."""

from functools import lru_cache

from stillseek.files import shown_name


def lettering(name: str) -> tuple[str, list[str]]:
    """A name as matplotlib draws it without remarks.

    Letters that matplotlib's own font lacks come from the fonts of this machine; ``?`` stands for
    those that none has.

    Args:
        name: Any text; what cannot stand in a line is replaced. Draw it with ``parse_math`` off,
            or a name with two dollars is a formula.

    Returns:
        The text, and the families of fonts that have its letters.
    """
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    text, own = shown_name(name), FontProperties()
    missing = set(map(ord, text)) - _letters(findfont(own))
    families = list(own.get_family())
    for font in fontManager.ttflist if missing else ():
        # The last resort draws boxes for all there is.
        is_resort = font.name.startswith("Last Resort")
        if not is_resort and (found := missing & _letters(font.fname)):
            families.append(font.name)
            missing -= found
    drawn = "".join("?" if ord(letter) in missing else letter for letter in text)
    return drawn, families


@lru_cache(maxsize=1024)
def _letters(font: str) -> frozenset[int]:
    """Code points that a font draws; none for fonts of fixed sizes, as those of emoji are."""
    from matplotlib.font_manager import get_font

    try:
        face = get_font(font)
        return frozenset(face.get_charmap()) if face.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()
