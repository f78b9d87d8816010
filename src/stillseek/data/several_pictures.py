"""Questions that are asked with several pictures of one class."""

import zlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from stillseek.data.example import FeatureSource
from stillseek.data.manifest import query_file
from stillseek.data.sample import Sample, Split
from stillseek.errors import DatasetError
from stillseek.features import QueryFeatures, VideoFeatures
from stillseek.timeline import ClipGrid, Segment


class Companions:
    """Which pictures of its class join that of a sample.

    They ask elsewhere in the sample's split (or in that of the own picture, where it is of another
    split: what is absent may be asked with any), and are no frames of the sample's video. They are
    drawn by lot, for each sample the same ones every time; more add to fewer.

    Args:
        samples: Whose pictures there are.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._splits: dict[object, Split] = {}
        self._pictures: dict[tuple[Split, str], dict[object, Sample]] = defaultdict(dict)
        for sample in samples:
            self._splits.setdefault(_picture(sample), sample.split)
            self._pictures[sample.split, sample.query_label].setdefault(_picture(sample), sample)

    def of(self, sample: Sample, number: int) -> list[Sample]:
        """So many samples, this one first, whose pictures are asked with as one.

        Raises:
            DatasetError: The class has too few.
        """
        if number == 1:
            return [sample]
        own, split = _picture(sample), sample.split
        if own not in self._pictures[split, sample.query_label]:
            split = self._splits.get(own, split)
        others = [
            other
            for picture, other in self._pictures[split, sample.query_label].items()
            if picture != own
            and other.query_video_id not in (sample.video_id, sample.source_video_id)
        ]
        if len(others) < number - 1:
            raise DatasetError(
                f"sample {sample.sample_id!r} needs {number} pictures of {sample.query_label!r}, "
                f"and split {split!r} has {len(others) + 1} that are no frames of its video; ask "
                "with fewer"
            )
        order = np.random.default_rng(zlib.crc32(sample.sample_id.encode()))
        drawn = order.permutation(len(others))[: number - 1]
        return [sample, *(others[place] for place in drawn)]


class SeveralPictures:
    """Features whose queries are several pictures as one: a sample's own and its `Companions`.

    Args:
        source: Features of the videos and of single pictures.
        samples: Whose pictures there are.
        number: Pictures of each question, at least 1.
    """

    def __init__(self, source: FeatureSource, samples: Sequence[Sample], number: int) -> None:
        self._source = source
        self._companions = Companions(samples)
        self._number = number

    def load_video_features(self, video_id: str, window: Segment | None) -> VideoFeatures:
        """As the source."""
        return self._source.load_video_features(video_id, window)

    def load_grid(self, video_id: str, window: Segment | None) -> ClipGrid:
        """As the source."""
        return self._source.load_grid(video_id, window)

    def load_query_features(self, sample: Sample) -> QueryFeatures:
        """The pictures of a question as one.

        Raises:
            DatasetError: Its class has too few.
        """
        asked = self._companions.of(sample, self._number)
        return QueryFeatures.as_one([self._source.load_query_features(each) for each in asked])


def _picture(sample: Sample) -> object:
    """What tells pictures apart."""
    return query_file(sample), sample.query_seconds
