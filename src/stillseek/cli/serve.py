"""``stillseek serve``: the page and the REST interface."""

import ipaddress
import os
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from stillseek.errors import UsageError
from stillseek.features.weights.published_files import cache_folder
from stillseek.files import refuse_url
from stillseek.outputs import Output, check_outputs

if TYPE_CHECKING:
    from stillseek.library.saved_library import Library
    from stillseek.localize.localizer import Localizer

KEY_VARIABLE = "STILLSEEK_API_KEY"
_NEEDED = ("fastapi", "uvicorn", "prometheus_client")
_MIB = 1 << 20


def serve(
    *,
    library: Path | None = None,
    folder: tuple[Path, ...] = (),
    data: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8008,
    allow_host: tuple[str, ...] = (),
    key_file: Path | None = None,
    no_key: bool = False,
    recipe: str | None = None,
    max_upload_mb: int = 4096,
    keep_hours: float = 24.0,
    queue: int = 32,
    workers: int = 1,
) -> None:
    """Serve the page and the REST interface until it is stopped.

    Args:
        library: Folder of a library, which can then be searched; made where there is none.
        folder: A folder of videos and pictures that users may choose from; may be given again.
        data: Folder of uploads, jobs and features; in the user's cache where not given.
        host: Address to listen at. Others than this machine can reach 0.0.0.0, which needs a key.
        port: Port to listen at; 0 takes a free one.
        allow_host: A name under which the service is reached, such as video.example.org; may be
            given again. IP addresses, localhost and this machine's own name always are.
        key_file: File whose first line is the key that every request must bring; the key may also
            stand in the variable STILLSEEK_API_KEY.
        no_key: Serve other machines without a key.
        recipe: How pixels become features; that of the library, or lite, where not given.
        max_upload_mb: Largest upload, in MiB.
        keep_hours: How long uploads and results are kept.
        queue: Most jobs that wait.
        workers: Videos that are searched at the same time.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise UsageError(
            "the service needs FastAPI and uvicorn, which are not installed; "
            "pip install 'stillseek[web]'"
        )
    key = _read_key(key_file)
    _check_exposure(host, key, no_key=no_key)
    from stillseek.web.service import Service
    from stillseek.web.service_settings import ServiceSettings, named_folders
    from stillseek.web.serving import serve as listen

    settings = ServiceSettings(
        data=(data or cache_folder() / "service").absolute(),
        folders=named_folders(folder),
        key=key,
        hosts=(host, socket.gethostname(), *allow_host),
        max_upload_bytes=max_upload_mb * _MIB,
        keep_hours=keep_hours,
        queue=queue,
        workers=workers,
    )
    check_outputs([Output(name="--data", path=settings.data)], inputs=())
    localizer, opened = _load(library, recipe, settings.data)
    listen(
        Service(settings, localizer, opened),
        host=host,
        port=port,
        on_listening=lambda url: print(f"stillseek serves {url}", flush=True),
    )


def _load(
    library: Path | None, recipe: str | None, data: Path
) -> "tuple[Localizer, Library | None]":
    """One recipe, for videos and the library."""
    from stillseek.localize.localizer import Localizer

    if library is None:
        return Localizer.load(recipe, cache=data / "features"), None
    from stillseek.library.saved_library import Library

    refuse_url(library, "--library", advice="mount the share that has it")
    # Messages leave its place out, which a relative one is not.
    opened = Library.open(library.absolute(), recipe=recipe)
    return Localizer.load(opened.recipe, cache=data / "features"), opened


def _read_key(key_file: Path | None) -> str | None:
    """The key, from a file or the environment; None where there is none."""
    if key_file is None:
        return os.environ.get(KEY_VARIABLE) or None
    try:
        lines = key_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--key-file {key_file} cannot be read ({error})") from error
    if not lines or not lines[0].strip():
        raise UsageError(f"--key-file {key_file} has no key in its first line; write one there")
    return lines[0].strip()


def _check_exposure(host: str, key: str | None, *, no_key: bool) -> None:
    """Refuses to let everyone in by mistake."""
    if key is not None and no_key:
        raise UsageError("there is a key, and --no-key; leave one of them out")
    if key is None and not no_key and not _is_this_machine(host):
        raise UsageError(
            f"--host {host} can be reached by others; give a key (--key-file, or the variable "
            f"{KEY_VARIABLE}), or --no-key to let everyone in"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
