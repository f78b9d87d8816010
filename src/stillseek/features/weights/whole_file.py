"""Files of features and weights: whole, or not there."""

from pathlib import Path

from stillseek.errors import FeatureError
from stillseek.files import replacing


def write_whole(path: Path, content: bytes) -> None:
    """Makes or replaces a file in one step.

    Raises:
        FeatureError: It cannot be written.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise FeatureError(
            f"cannot write {path} ({error.strerror}); check the space and rights of its folder"
        ) from error
