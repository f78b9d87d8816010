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


class SeveralPictures:
    """Features whose queries are several pictures as one: a sample's own, and others of its class.

    The others ask elsewhere in the split that the own one asks in, and are no frames of the
    sample's video. They are drawn by lot, for each sample the same ones every time; more pictures
    add to fewer.

    Args:
        source: Features of the videos and of single pictures.
        samples: Whose pictures there are.
        number: Pictures of each question, at least 1.
    """

    def __init__(self, source: FeatureSource, samples: Sequence[Sample], number: int) -> None:
        self._source = source
        self._number = number
        # What is absent is asked with a picture of any split.
        self._splits: dict[object, Split] = {}
        self._pictures: dict[tuple[Split, str], dict[object, Sample]] = defaultdict(dict)
        for sample in samples:
            self._splits.setdefault(_picture(sample), sample.split)
            self._pictures[sample.split, sample.query_label].setdefault(_picture(sample), sample)

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
        own = self._source.load_query_features(sample)
        if self._number == 1:
            return own
        own_picture = _picture(sample)
        split = self._splits.get(own_picture, sample.split)
        others = [
            other
            for picture, other in self._pictures[split, sample.query_label].items()
            if picture != own_picture
            and other.query_video_id not in (sample.video_id, sample.source_video_id)
        ]
        if len(others) < self._number - 1:
            raise DatasetError(
                f"sample {sample.sample_id!r} needs {self._number} pictures of "
                f"{sample.query_label!r}, and split {split!r} has {len(others) + 1}; ask "
                "with fewer"
            )
        order = np.random.default_rng(zlib.crc32(sample.sample_id.encode()))
        drawn = order.permutation(len(others))[: self._number - 1]
        more = [self._source.load_query_features(others[place]) for place in drawn]
        return QueryFeatures.as_one([own, *more])


def _picture(sample: Sample) -> object:
    """What tells pictures apart."""
    return query_file(sample), sample.query_seconds
