"""From where a store lies to its files: in a folder, or at a URL."""

import re
from pathlib import Path

from stillseek.errors import UsageError
from stillseek.features.store.store_files import LocalFiles, StoreFiles
from stillseek.files import URL, shown_url

# fsspec's way to put one file system into another, such as simplecache::s3://bucket/store.
_CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::/|::.*:/|:/.*::)", re.DOTALL)


def open_files(root: Path | str) -> StoreFiles:
    """The files of a store in a folder, or at a URL that fsspec knows.

    Args:
        root: Folder, or URL such as ``s3://bucket/store``, which may have gone through `Path`.

    Raises:
        UsageError: The URL is of no known kind, or chains several.
        InstallationError: What reaches it is not installed.
    """
    if _CHAIN.match(str(root)):
        # A cache in between would hold what other writers have replaced.
        url = shown_url(str(root)) or root
        raise UsageError(
            f"a store cannot lie at {url}, which chains file systems; give the address of the "
            "store itself, such as s3://bucket/store"
        )
    match = URL.fullmatch(str(root))
    if match is None:
        return LocalFiles(Path(root))
    if match[1] in ("file", "local"):
        return LocalFiles(Path("/", match[2]))
    # fsspec takes a while to import.
    from stillseek.features.store.remote_files import RemoteFiles

    return RemoteFiles(f"{match[1]}://{match[2]}")
