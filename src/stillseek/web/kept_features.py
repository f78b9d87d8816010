"""Features of what clients sent: they go with it."""

from contextlib import suppress
from pathlib import Path

from stillseek.features.store.store_files import LocalFiles


class KeptFeatures:
    """The store of features of a service."""

    def __init__(self, folder: Path) -> None:
        self._files = LocalFiles(folder)

    def remove(self, content: str) -> None:
        """Removes what was made of a file, by its `content_hash`."""
        for name in self._files.entries(f"{content}*"):
            self._files.remove(name)

    def sweep(self, oldest: float) -> None:
        """Removes features of pictures that were made before a time in seconds since 1970.

        Of one video there are as many as clients ask for; of whole videos of allowed folders there
        is one entry each, which stays.
        """
        for name in self._files.entries():
            if name.startswith("queries/"):
                with suppress(FileNotFoundError):
                    if self._files.place(name).stat().st_mtime < oldest:
                        self._files.remove(name)
