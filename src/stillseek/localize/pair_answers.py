"""The answers of many searches, and their table and records."""

from dataclasses import dataclass
from pathlib import Path

from stillseek.files import MADE_BY, json_text, spreadsheet_cell
from stillseek.localize.localization import Localization
from stillseek.localize.pair_table import Pair
from stillseek.localize.ranking import moment_cells, write_csv
from stillseek.records import write_text_atomic

_COLUMNS = (
    *("video", "image", "box", "label", "moment", "start_seconds", "end_seconds"),
    *("score", "presence", "found", "error"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a pair.

    Attributes:
        pair: The video and the picture.
        found: Where the activity happens; None where the pair could not be searched. Of an answer
            of an earlier run, the probabilities of starts and ends are not kept.
        error: Why it could not be.
    """

    pair: Pair
    found: Localization | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All answers, in the order of the pairs.

    Attributes:
        answers: One a pair.
        num_kept: Answers that an earlier run had given already.
    """

    answers: tuple[Answer, ...]
    num_kept: int

    @property
    def errors(self) -> list[str]:
        """What is wrong with files, each once."""
        return list(dict.fromkeys(each.error for each in self.answers if each.error is not None))


def write_table(batch: Batch, path: Path) -> None:
    """Writes a row a moment, and one a pair without any; an empty cell where a value is None.

    Raises:
        OSError: The file cannot be written.
    """
    rows = []
    for answer in batch.answers:
        pair = answer.pair
        box = None if pair.box is None else ",".join(map(str, pair.box))
        names = [spreadsheet_cell(str(name or "")) for name in (pair.video, pair.image, pair.label)]
        error = spreadsheet_cell(answer.error or "")
        moments = [(None,) * 6] if answer.found is None else moment_cells(answer.found)
        rows += [(*names[:2], box, names[2], *of_moment, error) for of_moment in moments]
    write_csv(path, _COLUMNS, rows)


def write_records(batch: Batch, path: Path) -> None:
    """Writes all but the curves as JSON.

    Raises:
        OSError: The file cannot be written.
    """
    results = []
    for answer in batch.answers:
        pair = answer.pair
        about = {"label": pair.label, "box": pair.box, "error": answer.error}
        if answer.found is None:
            results.append({"video": str(pair.video), "image": [str(pair.image)], **about})
        else:
            found = answer.found.to_json_dict()
            results.append({**{k: v for k, v in found.items() if k != "similarity"}, **about})
    write_text_atomic(path, json_text({"made_by": MADE_BY, "results": results}, indent=1) + "\n")
