"""Many videos, many pictures: every pair searched once, also over a restart, and told in one place.

The folder of a batch holds ``features``, which are computed once a video, ``answers``, one file a
pair that was searched, and what is made of them: ``results.csv``, ``results.json`` and
``report.html``.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stillseek.errors import MediaError, UnusableFeaturesError, UsageError
from stillseek.features.store.content_address import content_hash
from stillseek.files import MADE_BY, json_text
from stillseek.localize.arguments import check_type, check_whole
from stillseek.localize.localization import Localization, Similarity
from stillseek.localize.localizer import Localizer
from stillseek.localize.pair_answers import Answer, Batch, write_records, write_table
from stillseek.localize.pair_table import Pair
from stillseek.localize.query import EncodedQuery
from stillseek.localize.ranking import Progress, with_progress
from stillseek.localize.report import write_batch_report
from stillseek.outputs import Output, check_outputs
from stillseek.records import write_text_atomic
from stillseek.timeline import Moment

TABLE, RECORDS, REPORT = "results.csv", "results.json", "report.html"
_ANSWERS, _FEATURES = "answers", "features"
_BAD_FILE = (MediaError, UnusableFeaturesError)
# Of an answer, as it is in the file.
_KEPT = (
    *("recipe", "fingerprint", "model", "duration_seconds"),
    *("presence", "threshold", "uncalibrated"),
)


def features_of(out: Path) -> Path:
    """The folder of a batch in which features are kept: the ``cache`` of its localizer."""
    return out / _FEATURES


def batch_output(out: Path, *, name: str = "out") -> Output:
    """What `search_pairs` writes, for `check_outputs`."""
    holds = (TABLE, RECORDS, REPORT, f"{_ANSWERS}/*.json")
    signs = tuple((place, MADE_BY) for place in (RECORDS, REPORT, f"{_ANSWERS}/*.json"))
    return Output(name=name, path=out, holds=holds, signs=signs)


def search_pairs(
    localizer: Localizer,
    pairs: Sequence[Pair],
    out: Path,
    *,
    top: int = 1,
    overwrite: bool = False,
    on_progress: Callable[[float, float], None] | None = None,
) -> Batch:
    """Searches every pair, and writes a table, the records and a report of all.

    A pair whose answer is there is not searched again, as long as the bytes of both files, the box,
    the request and the localizer are the same. A file that cannot be read is told of in the answers
    of its pairs, and is tried again by the next run.

    Args:
        localizer: One with ``cache=features_of(out)`` reads no video twice, whatever is asked.
        pairs: At least one.
        out: Folder of the batch.
        top: Most moments to find in a video.
        overwrite: Whether results that stillseek did not write may be replaced.
        on_progress: Called with the bytes of the videos that are done, and of all.

    Raises:
        UsageError: An argument is wrong, or ``out`` is refused.
        FeatureError: The cache cannot be written.
        OSError: A file cannot be written.
    """
    check_type("localizer", localizer, Localizer, "a Localizer")
    check_whole("top", top)
    if not pairs:
        raise UsageError("there is no pair to search; give at least one")
    inputs = {file for pair in pairs for file in (pair.video, pair.image)}
    check_outputs([batch_output(out)], inputs=sorted(inputs), overwrite=overwrite)
    run = _Run(localizer, out / _ANSWERS, top)
    answers = dict(run.answers(pairs, on_progress))
    batch = Batch(answers=tuple(answers[pair] for pair in pairs), num_kept=run.num_kept)
    write_table(batch, out / TABLE)
    write_records(batch, out / RECORDS)
    write_batch_report(batch, out / REPORT, overwrite=True)
    return batch


class _Run:
    """One run over pairs: reads each file once, and keeps every answer as soon as it is there."""

    def __init__(self, localizer: Localizer, folder: Path, top: int) -> None:
        self._localizer = localizer
        self._folder = folder
        self._top = top
        self._asks_with = f"{localizer.fingerprint()} top {top}"
        self._queries: dict[tuple[Path, object], EncodedQuery | str] = {}
        self._hashes: dict[Path, str] = {}
        self.num_kept = 0

    def answers(
        self, pairs: Sequence[Pair], on_progress: Progress | None
    ) -> Iterator[tuple[Pair, Answer]]:
        """Every pair with its answer, video by video."""
        of_video: dict[Path, list[Pair]] = defaultdict(list)
        for pair in dict.fromkeys(pairs):
            of_video[pair.video].append(pair)
        for video, advance in with_progress(of_video, on_progress):
            asked = of_video[video]
            try:
                yield from self._of_video(video, asked, advance)
            except _BAD_FILE as error:
                yield from ((pair, Answer(pair=pair, error=str(error))) for pair in asked)

    def _of_video(
        self, video: Path, pairs: Sequence[Pair], advance: Progress
    ) -> Iterator[tuple[Pair, Answer]]:
        """Answers about one video; it is opened before the first one, or not at all."""
        content = content_hash(video)
        ready: list[tuple[Pair, Answer]] = []
        missing: list[tuple[Pair, EncodedQuery, Path]] = []
        for pair in pairs:
            try:
                place = self._place(content, pair)
                if (kept := _kept(place, pair)) is not None:
                    self.num_kept += 1
                    ready.append((pair, Answer(pair=pair, found=kept)))
                else:
                    missing.append((pair, self._query(pair), place))
            except (*_BAD_FILE, UsageError) as error:
                ready.append((pair, Answer(pair=pair, error=str(error))))
        features = self._localizer.encode_video(video, on_progress=advance) if missing else None
        yield from ready
        for pair, query, place in missing:
            assert features is not None
            found = self._localizer.locate_features(features, query, video=video, top=self._top)
            _keep(found, place)
            yield pair, Answer(pair=pair, found=found)

    def _place(self, content: str, pair: Pair) -> Path:
        """Where the answer is kept: by all that decides it."""
        if pair.image not in self._hashes:
            self._hashes[pair.image] = content_hash(pair.image)
        key = f"{self._asks_with} {content} {self._hashes[pair.image]} {pair.box}"
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"

    def _query(self, pair: Pair) -> EncodedQuery:
        """The picture, read once; what was wrong with it is wrong again.

        Raises:
            UsageError: It cannot ask.
        """
        key = pair.image, pair.box
        if key not in self._queries:
            try:
                self._queries[key] = self._localizer.encode_query(pair.image, boxes=[pair.box])
            except (*_BAD_FILE, UsageError) as error:
                self._queries[key] = str(error)
        query = self._queries[key]
        if isinstance(query, str):
            raise UsageError(query)
        return query


def _keep(found: Localization, place: Path) -> None:
    record = {
        "made_by": MADE_BY,
        "fingerprint": found.fingerprint,
        "threshold": found.threshold,
        **found.to_json_dict(),
    }
    write_text_atomic(place, json_text(record))


def _kept(place: Path, pair: Pair) -> Localization | None:
    """The answer that an earlier run kept; None where there is none, or it is broken."""
    try:
        record: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        curve = record["similarity"]
        return Localization(
            video=pair.video,
            images=(pair.image,),
            boxes=(pair.box,),
            **{name: record[name] for name in _KEPT},
            similarity=None if curve is None else _curve_of(curve),
            moments=tuple(Moment(**moment) for moment in record["moments"]),
            steps=(),
            start_probabilities=np.zeros(0),
            end_probabilities=np.zeros(0),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _curve_of(record: dict[str, Any]) -> Similarity:
    return Similarity(
        times_seconds=np.array(record["times_seconds"], dtype=float),
        values=np.array(record["values"], dtype=float),
        threshold=record["threshold"],
    )
