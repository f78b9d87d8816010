"""The API reference keeps up with the package."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The command line documents itself with --help; its modules are no interface.
WITHOUT_REFERENCE = {"cli", "__init__", "__main__"}


def test_every_room_is_in_the_api_reference() -> None:
    package = ROOT / "src" / "stillseek"
    rooms = {path.stem for path in package.glob("*.py")}
    rooms |= {path.parent.name for path in package.glob("*/__init__.py")}
    documented = re.findall(r"^::: stillseek\.(\w+)", (ROOT / "docs/api.md").read_text(), re.M)

    assert set(documented) == rooms - WITHOUT_REFERENCE
