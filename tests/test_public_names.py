"""What `import stillseek` promises."""

import inspect
import subprocess
import sys

import pytest

import stillseek


def test_all_public_names_are_there_and_listed() -> None:
    assert dir(stillseek) == sorted(stillseek.__all__)
    for name in stillseek.__all__:
        assert getattr(stillseek, name) is not None
    assert issubclass(stillseek.MediaError, stillseek.StillseekError)


def test_every_error_is_public() -> None:
    from stillseek import errors

    defined = {name for name, value in vars(errors).items() if inspect.isclass(value)}

    assert defined <= set(stillseek.__all__)


@pytest.mark.parametrize("name", [n for n in stillseek.__all__ if n != "__version__"])
def test_public_names_say_what_they_are(name: str) -> None:
    value = getattr(stillseek, name)

    assert inspect.getdoc(value)
    for member, method in vars(value).items() if inspect.isclass(value) else ():
        if callable(method) and not member.startswith("_"):
            assert inspect.getdoc(method), member


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'stillseek' has no attribute 'Locator'"):
        _ = stillseek.Locator  # pyright: ignore[reportAttributeAccessIssue]


def test_names_are_imported_on_first_use() -> None:
    source = (
        "import sys, stillseek; dir(stillseek); stillseek.UsageError; stillseek.Moment\n"
        "assert not {'torch', 'numpy', 'av', 'PIL'} & sys.modules.keys(), sys.modules.keys()"
    )

    subprocess.run([sys.executable, "-c", source], check=True)
