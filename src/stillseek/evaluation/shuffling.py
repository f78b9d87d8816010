"""The shuffled-queries control: every video is asked about with a picture of something else."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stillseek.data.sample import Sample
from stillseek.errors import DatasetError


def shuffle_queries(samples: Sequence[Sample], *, seed: int) -> tuple[Sample, ...]:
    """The same questions with the queries permuted inside each split, none of the right class.

    Every query is used exactly once. A new query shows neither the class of the target nor the
    class of the query that it replaces, and comes from another source video. Ids stay, so the
    predictions are scored against the old samples. The new samples say ``difficult``, as their
    query shows another class.

    Raises:
        DatasetError: No such permutation was found, as where one class has most of the samples.
    """
    shuffled = list(samples)
    for split in sorted({sample.split for sample in samples}):
        positions = [i for i, sample in enumerate(samples) if sample.split == split]
        members = [samples[i] for i in positions]
        donors = _derange(members, np.random.default_rng(seed))
        for position, sample, donor in zip(positions, members, donors, strict=True):
            query = members[donor]
            shuffled[position] = replace(
                sample,
                query_kind="difficult",
                query_label=query.query_label,
                query_video_id=query.query_video_id,
                query_seconds=query.query_seconds,
                query_image=query.query_image,
            )
    return tuple(shuffled)


def _derange(samples: Sequence[Sample], rng: np.random.Generator) -> list[int]:
    """A random permutation whose forbidden places are repaired by exchanges that break none."""
    donors = rng.permutation(len(samples)).tolist()

    def fits(place: int, donor: int) -> bool:
        sample, query = samples[place], samples[donor]
        return query.query_label not in (sample.label, sample.query_label) and (
            query.query_video_id not in (sample.video_id, sample.source_video_id)
        )

    for place in range(len(samples)):
        if fits(place, donors[place]):
            continue
        for other in rng.permutation(len(samples)).tolist():
            if fits(place, donors[other]) and fits(other, donors[place]):
                donors[place], donors[other] = donors[other], donors[place]
                break
        else:
            split, label = samples[place].split, samples[place].label
            num_alike = sum(sample.label == label for sample in samples)
            raise DatasetError(
                f"each sample needs a picture of another class and another video, and "
                f"{num_alike} of the {len(samples)} samples of split {split!r} are of class "
                f"{label!r}; make the data set with more classes or fewer queries of this one, or "
                "choose another --split"
            )
    return donors
