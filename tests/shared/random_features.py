"""Features of a data set in memory, the same for a name whenever they are asked for."""

import numpy as np

from stillseek.features import QueryFeatures, VideoFeatures
from stillseek.timeline import ClipGrid


class RandomFeatures:
    """Normal numbers, in clips of a second every half second.

    Args:
        width: Of every feature.
        seconds: Length of every video.
    """

    def __init__(self, width: int, seconds: float) -> None:
        self.width, self.seconds, self.num_loaded = width, seconds, 0

    def load_video_features(self, video_id, window):
        self.num_loaded += 1
        rng = np.random.default_rng(sum(video_id.encode()))
        grid = self.load_grid(video_id, window)
        clips = rng.standard_normal((grid.num_clips, self.width), dtype=np.float32)
        return VideoFeatures(clips=clips, grid=grid, fingerprint="f")

    def load_grid(self, video_id, window):
        return ClipGrid(duration_seconds=self.seconds, length_seconds=1.0, stride_seconds=0.5)

    def load_query_features(self, sample):
        rng = np.random.default_rng(sum(f"{sample.query_label}{sample.sample_id}".encode()))
        boxes = [[0.25, 0.5, 0.5, 1.0], [0.75, 0.5, 0.5, 1.0], [0.5, 0.5, 0.2, 0.2]]
        regions = rng.standard_normal((3, self.width), dtype=np.float32)
        return QueryFeatures(
            regions=regions,
            boxes=np.array(boxes, np.float32),
            global_feature=regions.mean(axis=0),
            fingerprint="f",
        )
