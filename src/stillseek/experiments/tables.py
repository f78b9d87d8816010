"""The tables of an experiment, from predictions alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stillseek.data.manifest import Manifest
from stillseek.data.sample import Split
from stillseek.evaluation.predictions import Predictions
from stillseek.evaluation.run import by_model
from stillseek.evaluation.score_tables import (
    Estimate,
    ScoreRow,
    paired_difference,
    score_rows,
    swap_accuracy,
)
from stillseek.experiments.methods import (
    ABLATIONS,
    BLIND,
    LAYERS,
    METHODS,
    OURS_WITHOUT_TRAINING,
    SAIL,
    Kind,
    Profile,
    RunName,
    seeds_of,
)

SHUFFLED = ", shuffled"
_NOTHING_SEEN = ("random", "whole-video", "centre")
_SPLIT_WORDS: Mapping[Split, str] = {"test": "unseen classes", "seen": "seen classes"}
_KINDS: Mapping[str, Kind] = {
    **{method.name: method.kind for method in (*METHODS, *ABLATIONS)},
    **dict.fromkeys(OURS_WITHOUT_TRAINING, "ours"),
    "whole-video": "control",
    "centre": "control",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A method in a table.

    Attributes:
        model: Its name.
        decode: How boundaries were chosen: ``joint``, ``independent`` (as the paper prints it), or
            a prior's own way.
        kind: Whose it is.
        num_seeds: Runs that the scores are averaged over.
        num_samples: Questions.
        num_videos: Source videos that they are about, over which intervals are drawn.
        miou: Mean IoU, in [0, 1].
        iou_above: Share of samples with an IoU above each threshold, by the threshold.
        swap: Swap accuracy on the pairs of the split, whatever the kind of query; None where it
            has none.
        against: How much more mIoU than each reference, paired, by the reference's name.
    """

    model: str
    decode: str
    kind: Kind
    num_seeds: int
    num_samples: int
    num_videos: int
    miou: Estimate
    iou_above: Mapping[float, Estimate]
    swap: Estimate | None
    against: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the report.

    Attributes:
        name: Unique in a report; a word for files.
        run: The run that it belongs to.
        title: What it shows.
        split: Split of the samples.
        queries: Kind of queries: ``all``, ``simple`` or ``difficult``.
        references: Whom rows are compared with.
        rows: The methods.
    """

    name: str
    run: RunName
    title: str
    split: Split
    queries: str
    references: tuple[str, ...]
    rows: tuple[Row, ...]

    def row(self, model: str, decode: str = "joint") -> Row | None:
        """The row of a model; None where it is not there."""
        found = (row for row in self.rows if (row.model, row.decode) == (model, decode))
        return next(found, None)


@dataclass(frozen=True, slots=True)
class SplitAnswers:
    """All runs about one split by model and decoding, and how to compare them.

    Attributes:
        manifest: The data set.
        split: The split.
        models: Runs by model and decoding; those of one model differ in the seed.
        known: Scores that were worked out already.
    """

    manifest: Manifest
    split: Split
    models: Mapping[tuple[str, str], Sequence[Predictions]]
    known: dict[
        tuple[str, str, tuple[int, ...]], Mapping[str, tuple[ScoreRow, Estimate | None]]
    ] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, manifest: Manifest, split: Split, runs: Iterable[Predictions]) -> "SplitAnswers":
        """Sorts runs by model and decoding."""
        return cls(manifest, split, by_model(runs))

    def runs(self, model: str, decode: str, seeds: Sequence[int]) -> list[Predictions]:
        """The runs of a model with these seeds; what was not trained has none to choose."""
        runs = self.models.get((model, decode), [])
        return [r for r in runs if r.header.checkpoint is None or r.header.seed in seeds]

    def _scores(
        self, model: str, decode: str, seeds: tuple[int, ...]
    ) -> Mapping[str, tuple[ScoreRow, Estimate | None]]:
        """Scores and swap accuracy by kind of query; the tables of a run share them."""
        key = model, decode, seeds
        if key not in self.known:
            samples, runs = self.manifest.samples, self.runs(model, decode, seeds)
            rows = score_rows(samples, runs, split=self.split) if runs else ()
            swap = swap_accuracy(samples, runs, split=self.split) if runs else None
            per_query = None if swap is None else swap.per_query
            self.known[key] = {row.queries: (row, per_query) for row in rows}
        return self.known[key]

    def difference(
        self, model: tuple[str, str], other: tuple[str, str], queries: str, seeds: Sequence[int]
    ) -> Estimate | None:
        """How much more mIoU a model has than another; None where one is not there."""
        runs, others = self.runs(*model, seeds), self.runs(*other, seeds)
        if not runs or not others:
            return None
        return paired_difference(
            self.manifest.samples, runs, others, split=self.split, queries=queries
        )

    def table(
        self,
        name: str,
        run: RunName,
        title: str,
        queries: str,
        wanted: Iterable[tuple[str, str]],
        *,
        references: tuple[str, ...],
        seeds: Sequence[int],
    ) -> Table | None:
        """A table of models and decodings, of those that are there; None where none is."""
        rows = []
        bases = [name for name in references if self.runs(name, "joint", seeds)]
        for model, decode in wanted:
            row, swap = self._scores(model, decode, tuple(seeds)).get(queries, (None, None))
            if row is None:
                continue
            rows.append(
                Row(
                    model=model,
                    decode=decode,
                    kind="control" if model.endswith(SHUFFLED) else _KINDS.get(model, "paper"),
                    num_seeds=row.num_seeds,
                    num_samples=row.num_samples,
                    num_videos=row.num_videos,
                    miou=row.miou,
                    iou_above=row.iou_above,
                    swap=swap,
                    against={
                        base: difference
                        for base in bases
                        if (base, "joint") != (model, decode)
                        and (
                            difference := self.difference(
                                (model, decode), (base, "joint"), queries, seeds
                            )
                        )
                    },
                )
            )
        if not rows:
            return None
        return Table(
            name=f"{name}_{self.split}",
            run=run,
            title=f"{title}, {_SPLIT_WORDS[self.split]}",
            split=self.split,
            queries=queries,
            references=tuple(bases),
            rows=tuple(rows),
        )


def tables_of(
    answers: SplitAnswers, runs: Sequence[RunName], seeds: Sequence[int], profile: Profile
) -> Iterator[Table]:
    """The tables of the runs about one split."""
    joint = [(model, decode) for model, decode in answers.models if decode == "joint"]
    priors = [key for name in _NOTHING_SEEN for key in answers.models if key[0] == name]
    for run in runs:
        references: tuple[str, ...] = (SAIL.name,)
        match run:
            case "methods":
                shown = (
                    ("table2", "Table 2: all methods", "all"),
                    ("table3", "Table 3: Difficult queries only", "difficult"),
                    ("simple", "Simple queries only", "simple"),
                )
                wanted = [
                    *priors,
                    *((method.name, "joint") for method in METHODS),
                    (SAIL.name, "independent"),
                    *((name, "joint") for name in OURS_WITHOUT_TRAINING),
                    *(key for key in joint if key[0].endswith(SHUFFLED)),
                ]
                references += OURS_WITHOUT_TRAINING
            case "ablations":
                shown = (("table4", "Table 4: SAIL without one of its parts", "all"),)
                names = [method.name for method in ABLATIONS]
                wanted = [(SAIL.name, "independent"), *((name, "joint") for name in names)]
            case "layers":
                shown = (("layers", "Figure 4: number of layers", "all"),)
                wanted = [(method.name, "joint") for method in (*LAYERS.values(), BLIND)]
            case "examples":
                continue
        used = seeds_of(run, seeds, profile)
        for name, title, queries in shown:
            table = answers.table(
                name, run, title, queries, wanted, references=references, seeds=used
            )
            if table is not None:
                yield table
