"""What a service is started with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stillseek.errors import UsageError

_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Places, limits and the key of a service.

    Attributes:
        data: Folder of uploads, jobs, results, features and labels; one service at a time has it.
        folders: Folders of videos and pictures that clients may name files of, by name.
        key: What every request must bring; None asks for nothing.
        hosts: Names under which the service may be asked, beside IP addresses and localhost.
        max_upload_bytes: Largest upload.
        max_uploads: Most uploads that are kept at a time.
        max_receiving: Most uploads that arrive at a time.
        idle_seconds: Longest silence of an upload.
        least_bytes_per_second: Slowest mean rate of an upload, once it has run ``idle_seconds``.
        keep_hours: How long uploads, results and previews are kept.
        queue: Most jobs that wait.
        workers: Jobs on videos that are computed at the same time.
        beside: Frames, strips and the like that are made at the same time.
        max_queries: Most pictures of a job.
        max_top: Most moments, or videos, of an answer.

    Raises:
        UsageError: A limit is not positive, or the key is empty.
    """

    data: Path
    folders: Mapping[str, Path] = field(default_factory=dict)
    key: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    max_upload_bytes: int = 4 * _GIB
    max_uploads: int = 200
    max_receiving: int = 8
    idle_seconds: float = 20.0
    least_bytes_per_second: float = 16_000.0
    keep_hours: float = 24.0
    queue: int = 32
    workers: int = 1
    beside: int = 2
    max_queries: int = 8
    max_top: int = 50

    def __post_init__(self) -> None:
        """Refuses limits that leave nothing."""
        limits = {
            "--max-upload-mb": self.max_upload_bytes,
            "--keep-hours": self.keep_hours,
            "--queue": self.queue,
            "--workers": self.workers,
        }
        for name, value in limits.items():
            if not 0 < value < math.inf:
                raise UsageError(f"{name} must be more than 0, got {value}")
        if self.key is not None and not self.key.strip():
            raise UsageError("the key is empty; give one, or none at all")


def named_folders(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Folders that clients may name files of, by their names; with a number where one is taken.

    Raises:
        UsageError: One is no folder.
    """
    named: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder}; check --folder")
        place = folder.resolve()
        stem = name = place.name or "root"
        count = 1
        while name in named:
            count += 1
            name = f"{stem}-{count}"
        named[name] = place
    return named
