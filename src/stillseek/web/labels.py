"""Moments that people kept or skipped: kept as labels, from which a data set can be made."""

from collections.abc import Iterator
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from stillseek.files import json_text
from stillseek.web.database import Database
from stillseek.web.refusals import RefusedError

# A client that never stops must not fill the disk.
_MOST_LABELS = 200_000
_COLUMNS = (
    *("id", "source", "video", "start_seconds", "end_seconds", "label"),
    *("is_kept", "score", "query", "time"),
)
# A label that is replaced keeps its place.
_SET = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
_UPSERT = (
    f"INSERT INTO labels ({', '.join(_COLUMNS)}) "
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "
    f"ON CONFLICT (id) DO UPDATE SET {_SET}"
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM labels ORDER BY rowid"


class Labels:
    """The labels of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, label: dict[str, Any], *, label_id: str | None, video: str) -> dict[str, Any]:
        """Adds a label, or replaces that of an id; `video` is what data sets call its video.

        Raises:
            RefusedError: There is no such label, or there are too many.
        """
        if label_id is None:
            if self._database.count("labels") >= _MOST_LABELS:
                raise RefusedError(
                    "conflict", f"there are {_MOST_LABELS} labels, the most that are kept"
                )
        elif self._database.one("SELECT 1 FROM labels WHERE id = ?", (label_id,)) is None:
            raise RefusedError("not_found", "there is no label of this id; leave id out")
        kept = {
            **label,
            "id": label_id or token_hex(16),
            "video": video,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._database.all(_UPSERT, kept)
        return kept

    def remove(self, label_id: str) -> None:
        """Removes a label.

        Raises:
            RefusedError: There is none.
        """
        if not self._database.all("DELETE FROM labels WHERE id = ? RETURNING id", (label_id,)):
            raise RefusedError("not_found", "there is no label of this id")

    def all(self) -> list[dict[str, Any]]:
        """Every label, in the order in which they were given."""
        return [
            dict(row) | {"is_kept": bool(row["is_kept"])} for row in self._database.all(_SELECT)
        ]

    def lines(self) -> Iterator[str]:
        """Every label as a line that ``stillseek dataset import`` reads."""
        labels = self.all()
        places: dict[str, set[str]] = {}
        for label in labels:
            places.setdefault(label["video"], set()).add(_place(label))
        for label in labels:
            is_alone = len(places[label["video"]]) == 1
            told = {
                "video": label["video"] if is_alone else _place(label),
                **{name: label[name] for name in ("start_seconds", "end_seconds", "label")},
                "kept": label["is_kept"],
                **{name: label[name] for name in ("score", "query", "time", "source")},
            }
            yield json_text(told) + "\n"


def _place(label: dict[str, Any]) -> str:
    """A video that no other one is called like, with its folder before its name."""
    kind, _, name = label["source"].partition(":")
    return f"{name}/{label['video']}" if kind == "upload" else name
