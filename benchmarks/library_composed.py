"""How well a library of composed videos finds the one that shows a picture, or says none does.

    stillseek dataset compose PHOTOGRAPHS --class-split SPLIT --out DATASET --seed 2 \
        --train-videos 0 --seen-videos 0 --validation-videos 140 --test-videos 160
    python benchmarks/library_composed.py DATASET [--library DIR] [--questions 400]
        [--pictures 1 3] [--page]

Every Simple query of a video, or several pictures of its class as one, is asked of a library in
which no other video has its activity: that one and all videos of validation and test classes
without it; and once more without that one, where the right answer is nowhere. Beside the head
answers the shortlist alone. The library is made first, with two workers: times real time, and
megabytes an hour. Nothing is chosen by it.
--page keeps the result in docs/library.json and fills docs/library.md.
"""

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pages import DOCS, fill, made_by

from stillseek.data.manifest import read_manifest
from stillseek.data.sample import Sample
from stillseek.data.several_pictures import Companions
from stillseek.library import Library

RANKS = (1, 5, 10)
RESULTS = DOCS / "library.json"


@dataclass
class Answers:
    """What became of the questions about one split.

    Attributes:
        ranks: Rank of the right video, or a large number where it is not among the best ten.
        ious: IoU of its moment; 0 where it is not among them.
        said_there: Whether the answer began with a video that has it, by its presence.
        said_nowhere: Whether the answer said so where it is nowhere.
    """

    ranks: list[int] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    said_there: list[bool] = field(default_factory=list)
    said_nowhere: list[bool] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """In percent."""
        ranks = np.array(self.ranks)
        recall = {f"recall@{k}": 100 * float((ranks <= k).mean()) for k in RANKS}
        shares = {"mIoU": self.ious, "there": self.said_there, "nowhere": self.said_nowhere}
        found = {name: 100 * float(np.mean(values)) for name, values in shares.items()}
        return {name: round(value, 1) for name, value in (recall | found).items()}


def main() -> None:
    """Prints the figures, and puts them on the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--library", type=Path, help="kept; made where it is not there")
    parser.add_argument("--questions", type=int, default=400, help="of a split, at most")
    parser.add_argument("--pictures", type=int, nargs="+", default=[1], help="asked with as one")
    parser.add_argument("--page", action="store_true", help="keep the result, fill the page")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        library = options.library or Path(folder)
        found = measure(options.dataset, library, options.questions, options.pictures)
    if options.page:
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        fill(DOCS / "library.md", page(found))


def measure(dataset: Path, folder: Path, most: int, numbers: Sequence[int]) -> dict[str, Any]:
    """Makes the library, and asks."""
    library = Library.open(folder)
    report = library.add(dataset / "videos", workers=2)
    stats = library.stats()
    size = (stats.index_bytes + stats.feature_bytes) / 1e6
    found: dict[str, Any] = {
        "made_by": made_by(),
        "videos": stats.videos,
        "hours": round(stats.seconds / 3600, 3),
        "mb_an_hour": round(size / (stats.seconds / 3600), 2),
    }
    if report.outcomes:
        found["times_real_time"] = round(stats.seconds / report.wall_seconds, 1)
    print(json.dumps(found), flush=True)
    names = {Path(video.name).stem: video.name for video in library.videos()}
    labels = {video: set(of) for video, of in labels_of(dataset).items() if video in names}
    samples = read_manifest(dataset).samples
    companions, found["rows"] = Companions(samples), []
    for split in ("validation", "test"):
        asked = [s for s in samples if s.split == split and s.query_kind == "simple"]
        order = np.random.default_rng(0).permutation(len(asked))[:most]
        for number, way in itertools.product(numbers, ("head", "shortlist")):
            answers = Answers()
            for place in order:
                together = companions.of(asked[place], number)
                ask(library, dataset, together, names, labels, way == "shortlist", answers)
            row = {"classes": split, "answered by": way, "pictures": number}
            found["rows"].append(row | {"questions": len(order)} | answers.figures())
            print(json.dumps(found["rows"][-1]), flush=True)
    return found


def page(found: dict[str, Any]) -> str:
    """The figures as text."""
    lines = [
        f"{found['made_by']}: {found['videos']} videos, {found['hours']:.1f} hours, "
        f"{found['mb_an_hour']} MB an hour on disk. Percent; pictures and questions are counted.",
        "",
        "| classes | answered by | pictures | questions | recall@1 | @5 | @10 "
        "| mIoU of the moment | said there | said nowhere |",
        "|---|---|" + "---:|" * 8,
    ]
    lines += [f"| {' | '.join(map(str, row.values()))} |" for row in found["rows"]]
    return "\n".join(lines)


def labels_of(dataset: Path) -> dict[str, list[str]]:
    """All activities of each video."""
    database = json.loads((dataset / "annotations.json").read_text())["database"]
    return {
        video: [each["label"] for each in entry["annotations"]] for video, entry in database.items()
    }


def ask(
    library: Library,
    dataset: Path,
    together: Sequence[Sample],
    names: dict[str, str],
    labels: dict[str, set[str]],
    is_fast: bool,
    answers: Answers,
) -> None:
    """Asks one question twice: where one video has the activity, and where none has.

    The first of the samples is the question; the others only lend their pictures.
    """
    sample = together[0]
    right = names[sample.video_id]
    others = [names[each] for each, of in labels.items() if sample.label not in of]
    pictures = [dataset / str(each.query_image) for each in together]
    results = library.search(pictures, within=[right, *others], fast=is_fast).results
    answers.said_there.append(bool(results[0].found))
    stems = [result.video.stem for result in results]
    rank = stems.index(sample.video_id) if sample.video_id in stems else None
    answers.ranks.append(1000 if rank is None else rank + 1)
    moments = () if rank is None else results[rank].moments
    answers.ious.append(moments[0].segment.iou(sample.segment) if moments else 0.0)
    nowhere = library.search(pictures, within=others, top=1, fast=is_fast).results
    answers.said_nowhere.append(not nowhere[0].found)


if __name__ == "__main__":
    main()
