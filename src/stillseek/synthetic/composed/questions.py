"""The questions about composed videos: photographs that no video of their split shows."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from stillseek.data.sample import Sample, Split
from stillseek.data.taxonomy import SIBLINGS
from stillseek.synthetic.composed.classes import Classes
from stillseek.synthetic.composed.photographs import Photograph
from stillseek.synthetic.composed.pools import Pools
from stillseek.synthetic.composed.script import Script

QUERIES = "queries"


class Questions:
    """Draws the queries of scripts.

    Args:
        classes: Splits and similar classes.
        pools: The photographs that may ask.
        simple_queries: Simple queries of a target, all of different pictures.
        difficult_queries: Difficult queries of a target, all of different pictures.

    Attributes:
        missing_simple: Simple queries of each split that could not be, for lack of photographs.
        missing_difficult: Difficult queries of each split that could not be, for lack of
            photographs or of a similar class that is not in the video.
    """

    def __init__(
        self, classes: Classes, pools: Pools, *, simple_queries: int, difficult_queries: int
    ) -> None:
        self._classes, self._pools = classes, pools
        self._simple, self._difficult = simple_queries, difficult_queries
        self.missing_simple: Counter[Split] = Counter()
        self.missing_difficult: Counter[Split] = Counter()

    def of_script(self, script: Script, split: Split) -> list[Sample]:
        """The samples of one video.

        In training every target gets all queries; elsewhere the second target gets one, which
        makes a pair with the first query of the first.
        """
        rng = np.random.default_rng((*script.seed, 5))
        samples = []
        for order, place in enumerate(script.targets):
            is_whole = order == 0 or split == "train"
            label = script.parts[place].label
            wanted = self._simple if is_whole else 1
            photographs = self._distinct(rng, split, label)[:wanted]
            self.missing_simple[split] += wanted - len(photographs)
            if is_whole:
                photographs += self._difficult_queries(rng, script, split, label)
            samples += [
                _sample(script, split, place, photograph, order=order, number=number)
                for number, photograph in enumerate(photographs)
            ]
        return samples

    def _difficult_queries(
        self, rng: np.random.Generator, script: Script, split: Split, label: str
    ) -> list[Photograph]:
        siblings = set(self._classes.siblings(label))
        here = {part.label for part in script.parts}
        # Beside a second class that is like the query there would be two answers.
        choices = [] if siblings & here else sorted(siblings & set(self._classes.queries_of(split)))
        left = {sibling: self._distinct(rng, split, sibling) for sibling in choices}
        drawn: list[Photograph] = []
        while choices and len(drawn) < self._difficult:
            sibling = choices[rng.integers(len(choices))]
            drawn.append(left[sibling].pop())
            if not left[sibling]:
                choices.remove(sibling)
        self.missing_difficult[split] += self._difficult - len(drawn)
        return drawn

    def _distinct(self, rng: np.random.Generator, split: Split, label: str) -> list[Photograph]:
        """What may ask with a class in random order, one photograph of all that are one picture."""
        photographs = self._pools.of(split, label, "query")
        by_group = {photographs[k].group: photographs[k] for k in rng.permutation(len(photographs))}
        return list(by_group.values())


def _sample(
    script: Script, split: Split, place: int, photograph: Photograph, *, order: int, number: int
) -> Sample:
    activity = script.activities[place]
    simple = photograph.label == activity.label
    return Sample(
        sample_id=f"{script.video_id}_{order}{number}",
        video_id=script.video_id,
        duration_seconds=script.duration_seconds,
        window=None,
        segment=activity.segment,
        label=activity.label,
        split=split,
        query_kind="simple" if simple else "difficult",
        query_label=photograph.label,
        query_video_id=None,
        query_seconds=None,
        query_image=f"{QUERIES}/{photograph.name}",
        source_video_id=script.video_id,
        pair_id=script.video_id if len(script.targets) > 1 and not number else None,
        taxonomy_distance=0 if simple else SIBLINGS,
    )


def used(samples: Sequence[Sample]) -> Mapping[str, str]:
    """Where each query image comes from: its path in the data set, and below the photographs."""
    names = (sample.query_image for sample in samples if sample.query_image is not None)
    return {name: name.removeprefix(f"{QUERIES}/") for name in sorted(set(names))}
