"""A Ray to work with: the cluster that ``RAY_ADDRESS`` names, or one of this machine's own."""

import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir
from typing import Any

from stillseek.errors import InstallationError, UsageError

# What Ray keeps of a job of ours is paths and outcomes; less than 75 MB it refuses.
_OBJECT_STORE_BYTES = 200 * 2**20
# Ray reads these when it is imported or starts.
_LOCAL_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # The name says otherwise, but on Linux, too, 0 binds every port to the loopback address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Ray's 15 starves the workers beside anything else that computes.
    "RAY_worker_niceness": "0",
}


@contextmanager
def ray_session(*, workers: int | None = None) -> Iterator[Any]:
    """Ray, connected; disconnected afterwards, unless it was connected before.

    A local Ray listens on the loopback address only, asks for a token that never leaves the
    process and its children, has no dashboard and tells nobody that it is used.

    Args:
        workers: How many a local Ray has room for; None is one for every processor.

    Yields:
        The module ``ray``, with ``ray.data`` imported.

    Raises:
        InstallationError: Ray is not installed.
        UsageError: The cluster cannot be reached.
    """
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        for name, value in _LOCAL_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    ray = _import_ray()
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    # They warn that there are no progress bars (we show one), and of the token.
    for name in ("ray.data._internal.progress", "ray._private.authentication"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address:
            ray.init(address=address, **quiet)
        else:
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                **quiet,
            )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        if not address:
            raise UsageError(
                f"cannot start Ray on this machine ({error}); its files lie below "
                f"{os.environ.get('RAY_TMPDIR') or gettempdir()}: set RAY_TMPDIR to a place with a "
                "short name in plain letters"
            ) from error
        raise UsageError(
            f"cannot connect to Ray at {address} ({error}); check RAY_ADDRESS, or leave it out for "
            "a Ray of this machine"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InstallationError(
            f"the ray engine needs Ray ({error}); pip install 'stillseek[ray]'"
        ) from error
    return ray
