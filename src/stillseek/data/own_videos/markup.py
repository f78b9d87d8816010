"""XML of annotators, read without what makes XML dangerous."""

from pathlib import Path
from xml.etree import ElementTree as ET

from stillseek.errors import DatasetError


class _WithoutDoctype(ET.TreeBuilder):
    """Elements of a document that declares no entities: those of a few lines may fill a machine."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Stops at the declaration, before any entity of it is read."""
        raise DatasetError(
            f"it begins with <!DOCTYPE {name}>, which no annotator writes; export it again, or "
            "remove the declaration"
        )


def read_xml(path: Path) -> ET.Element:
    """The root of an XML file.

    Raises:
        DatasetError: The file cannot be read, is no XML, or declares a document type.
    """
    parser = ET.XMLParser(target=_WithoutDoctype())
    try:
        parser.feed(path.read_bytes())
        return parser.close()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}; check the path") from error
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except ET.ParseError as error:
        line, column = error.position
        raise DatasetError(
            f"{path}: not valid XML at line {line}, column {column} ({error}); is the file cut?"
        ) from error
    except (ValueError, LookupError) as error:  # of an encoding that nobody knows
        raise DatasetError(f"{path}: not valid XML ({error}); save it as UTF-8") from error


def attribute_of(element: ET.Element, name: str, where: str) -> str:
    """An attribute that has to be there.

    Raises:
        DatasetError: It is not.
    """
    if (value := element.get(name)) is None:
        raise DatasetError(f"{where}: <{element.tag}> has no {name}; export the file again")
    return value


def whole_number(text: str, where: str, *, what: str = "whole number") -> int:
    """A number that an attribute or element writes.

    Raises:
        DatasetError: It is none.
    """
    try:
        return int(text)
    except ValueError as error:
        raise DatasetError(f"{where}: {text!r} is no {what}") from error
