"""Moments that people kept or skipped in the page: ``labels.jsonl``, one decision a line.

Each line is a JSON object with ``video``, ``start_seconds``, ``end_seconds``, ``label`` and
``kept``; what else it has (``score``, ``presence``, ``query``, ``time``) says how the moment was
found, and is passed over.
"""

from pathlib import Path

from stillseek.data.own_videos.table import Rows, collect
from stillseek.errors import DatasetError, UsageError
from stillseek.records import parse_object

_KEYS = {"video": "video", "start": "start_seconds", "end": "end_seconds", "label": "label"}


def read_decisions(text: str, path: Path) -> Rows:
    """The moments that were kept; a moment that was decided on again counts as the last time."""
    decided: dict[object, tuple[str, object] | None] = {}
    # Not splitlines: JSON strings may hold other Unicode line separators.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            decision = parse_object(line, where)
        except DatasetError as error:
            decided[where] = where, UsageError(str(error).removeprefix(f"{where}: "))
            continue
        values = {name: decision.get(key) for name, key in _KEYS.items()}
        is_kept = decision.get("kept")
        if not isinstance(is_kept, bool):
            decided[where] = where, UsageError(f"kept is {is_kept!r}, expected true or false")
            continue
        key = tuple(map(repr, values.values()))
        decided.pop(key, None)
        decided[key] = (where, values) if is_kept else None
    kept = (entry for entry in decided.values() if entry is not None)
    return collect(kept, elsewhere=True)
