"""The questions about composed videos: photographs that no video of their split shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from stillseek.data.composed.classes import Classes
from stillseek.data.composed.photographs import Photograph
from stillseek.data.composed.pools import Pools
from stillseek.data.composed.script import Script
from stillseek.data.manifest import Sample, Split
from stillseek.data.taxonomy import SIBLINGS

QUERIES = "queries"


class Questions:
    """Draws the queries of scripts.

    Args:
        classes: Splits and similar classes.
        pools: The photographs that may ask.
        simple_queries: Simple queries of a target.
        difficult_queries: Difficult queries of a target.

    Attributes:
        missing: Difficult queries of each split that could not be, for lack of a similar class
            that is not in the video.
    """

    def __init__(
        self, classes: Classes, pools: Pools, *, simple_queries: int, difficult_queries: int
    ) -> None:
        self._classes, self._pools = classes, pools
        self._simple, self._difficult = simple_queries, difficult_queries
        self.missing: Counter[Split] = Counter()

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
            photographs = _distinct(
                rng, self._pools.of(split, label, "query"), self._simple if is_whole else 1
            )
            if is_whole:
                photographs += self._difficult_queries(rng, script, split, label)
            for number, photograph in enumerate(photographs):
                sample = _sample(script, split, place, photograph)
                samples.append(
                    replace(
                        sample,
                        sample_id=f"{script.video_id}_{order}{number}",
                        pair_id=script.video_id if len(script.targets) > 1 and not number else None,
                    )
                )
        return samples

    def _difficult_queries(
        self, rng: np.random.Generator, script: Script, split: Split, label: str
    ) -> list[Photograph]:
        siblings = set(self._classes.siblings(label))
        here = {part.label for part in script.parts}
        choices = sorted(siblings & set(self._classes.queries_of(split)))
        # Beside a second class that is like the query there would be two answers.
        if siblings & here or not choices:
            self.missing[split] += self._difficult
            return []
        labels = [choices[k] for k in rng.integers(len(choices), size=self._difficult)]
        drawn: dict[str, list[Photograph]] = {}
        for sibling, number in Counter(labels).items():
            drawn[sibling] = _distinct(rng, self._pools.of(split, sibling, "query"), number)
        return [drawn[sibling].pop() for sibling in labels]


def _distinct(
    rng: np.random.Generator, photographs: Sequence[Photograph], number: int
) -> list[Photograph]:
    """Photographs without repetition, until there are no more."""
    order: list[int] = []
    while len(order) < number:
        order.extend(rng.permutation(len(photographs)).tolist())
    return [photographs[k] for k in order[:number]]


def _sample(script: Script, split: Split, place: int, photograph: Photograph) -> Sample:
    activity = script.activities[place]
    simple = photograph.label == activity.label
    return Sample(
        sample_id=script.video_id,
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
        pair_id=None,
        taxonomy_distance=0 if simple else SIBLINGS,
    )


def used(samples: Sequence[Sample]) -> Mapping[str, str]:
    """Where each query image comes from: its path in the data set, and below the photographs."""
    names = (sample.query_image for sample in samples if sample.query_image is not None)
    return {name: name.removeprefix(f"{QUERIES}/") for name in sorted(set(names))}
