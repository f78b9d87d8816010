"""Checks of what people give to a localizer; each raises a `UsageError` that says what it wants."""

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from stillseek.errors import UsageError
from stillseek.files import as_path
from stillseek.localize.localization import Localization
from stillseek.localize.query_image import Box
from stillseek.outputs import Output, check_outputs
from stillseek.scores import HeadPrecision

if TYPE_CHECKING:
    from stillseek.models.catalog import LocalizerModel


def checked_boxes(boxes: object, num_images: int) -> tuple[Box | None, ...]:
    """One box an image; none anywhere where none are given."""
    if boxes is None:
        return (None,) * num_images
    check_type("boxes", boxes, Sequence, "a sequence, one an image")
    assert isinstance(boxes, Sequence)
    checked: list[Box | None] = []
    for place, box in enumerate(boxes):
        match box:
            case None:
                checked.append(None)
            case [left, top, width, height] if all(map(is_whole, box)):
                checked.append((int(left), int(top), int(width), int(height)))
            case _:
                raise UsageError(
                    f"boxes[{place}] must be None or (left, top, width, height) in whole pixels, "
                    f"got {box!r}"
                )
    if len(checked) != num_images:
        raise UsageError(f"got {len(checked)} boxes for {num_images} images; give one each")
    return tuple(checked)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, of Python or NumPy."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_type(name: str, value: object, kinds: Any, expected: str) -> None:
    """Refuses a value of another type."""
    if not isinstance(value, kinds):
        raise UsageError(f"{name} must be {expected}, got {type(value).__name__}")


def check_whole(name: str, value: object) -> None:
    """Refuses what is no whole number."""
    if not is_whole(value):
        raise UsageError(f"{name} must be a whole number, got {value!r}")


def check_choice(name: str, value: str | None, choices: Any) -> None:
    """Refuses what is none of the values of a Literal, None aside."""
    if value is not None and value not in get_args(choices):
        known = ", ".join(map(repr, get_args(choices)))
        raise UsageError(f"{name} must be one of {known}, got {value!r}")


def check_cache(folder: Path, inputs: Sequence[Path]) -> None:
    """Refuses a folder for features that cannot be written, or that lies in what is read."""
    check_outputs([Output(name="cache", path=folder, is_cache=True)], inputs=inputs)


def checked_output(
    path: object, output: Callable[[Path], Output], *, inputs: Iterable[Path], overwrite: object
) -> Path:
    """The place of what shows a result, where it may go there.

    Args:
        path: What was given for it, a path or the name of one.
        output: What is written there.
        inputs: The files that the result was made from: none of them is written over.
        overwrite: Whether a file that stillseek did not write may be replaced.

    Raises:
        UsageError: An argument is of the wrong type, or the output is refused.
    """
    check_type("path", path, Path | str, "a path")
    check_type("overwrite", overwrite, bool, "True or False")
    assert isinstance(path, Path | str)
    assert isinstance(overwrite, bool)
    place = as_path(path, "path")
    check_outputs([output(place)], inputs=inputs, overwrite=overwrite)
    return place


def check_localization(name: str, value: object) -> None:
    """Refuses what is no result of a search in one video."""
    check_type(name, value, Localization, "a Localization, such as locate returns")


def check_onnx_precision(precision: HeadPrecision) -> None:
    """Refuses what ONNX Runtime does not compute in."""
    if precision == "bf16":
        raise UsageError("the onnx engine computes in float32; use precision fp32")


def check_bf16(model: "LocalizerModel") -> None:
    """Refuses a head that compares: bfloat16 cannot tell what is like the picture."""
    from stillseek.models.catalog import model_name

    name = model_name(model)
    if name in ("matching", "similarity"):
        raise UsageError(f"{name} compares in fp32 alone; use precision fp32")
