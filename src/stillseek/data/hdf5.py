"""ActivityNet's published C3D features, in the place of clip features from videos."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from stillseek.data.example import FeatureSource
from stillseek.data.sample import Sample
from stillseek.errors import FeatureError, InstallationError
from stillseek.features import QueryFeatures, VideoFeatures
from stillseek.timeline import ClipGrid, Segment

_DATASET = "c3d_features"
# Of the digest. About 45 MB of ActivityNet's file, whose 13 GB take a minute or more to read.
_SAMPLED_VIDEOS = 64


class Hdf5ClipFeatures:
    """Clip features from an HDF5 file, query features from elsewhere; no video file is needed.

    The file is ``sub_activitynet_v1-3.c3d.hdf5`` (activity-net.org/challenges/2016/download.html)
    or one of its layout: a group ``v_<id>`` a video with a dataset ``c3d_features`` of n x 500:
    ``fc7`` of C3D every 8 frames over 16, reduced by PCA. It does not say how many frames a second
    a video has; so n clips start at even distances over the duration, each twice as long. The
    last clips then start up to one stride later than they did.

    Deviation: that PCA knows of no class split, so unseen classes have shaped it as well.

    Args:
        path: The HDF5 file.
        durations: Length in seconds of every video by its name, as annotated.
        queries: Where the features of query images come from.
        fingerprint: Fingerprint of the clips and queries together.
    """

    def __init__(
        self,
        path: Path,
        durations: Mapping[str, float],
        queries: FeatureSource,
        *,
        fingerprint: str,
    ) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._durations = durations
        self._queries = queries

    def load_video_features(self, video_id: str, window: Segment | None) -> VideoFeatures:
        """Clip features of a video or window, and the grid whose clips they are.

        `ClipGrid.window` says which clips belong to a window.

        Raises:
            FeatureError: The file does not have them, or the video's length is not known.
            UsageError: The window starts after the video ends.
        """
        with self._table(video_id) as table:
            clips = np.asarray(table, dtype=np.float32)
        if not np.isfinite(clips).all():
            raise self._broken(video_id, clips.shape)
        grid = self._grid(video_id, len(clips))
        if window is not None:
            inside, grid = grid.window(window)
            clips = clips[inside.start : inside.stop]
        return VideoFeatures(clips=clips, grid=grid, fingerprint=self._fingerprint)

    def load_grid(self, video_id: str, window: Segment | None) -> ClipGrid:
        """The grid of `load_video_features`, whose errors it raises; no clip is read."""
        with self._table(video_id) as table:
            grid = self._grid(video_id, len(table))
        return grid if window is None else grid.window(window)[1]

    def load_query_features(self, sample: Sample) -> QueryFeatures:
        """Region features, boxes and global feature of a sample's query image."""
        return self._queries.load_query_features(sample)

    def _grid(self, video_id: str, num_clips: int) -> ClipGrid:
        duration = self._durations[video_id]
        stride = duration / num_clips
        return ClipGrid(stride_seconds=stride, length_seconds=2 * stride, duration_seconds=duration)

    @contextmanager
    def _table(self, video_id: str) -> Iterator[Any]:
        """The clips in the file, opened for every video: no handle survives in another process."""
        if video_id not in self._durations:
            raise FeatureError(
                f"the length of video {video_id!r} is not known; make the data set again with "
                "stillseek dataset build"
            )
        with _open(self._path) as file:
            table = _table(file, f"v_{video_id}", video_id)
            if table is None:
                raise FeatureError(
                    f"{self._path} has no features of video {video_id!r} "
                    f"(v_{video_id}/{_DATASET}); leave the video out, or give the file that has it"
                )
            if table.ndim != 2 or not table.size:
                raise self._broken(video_id, table.shape)
            yield table

    def _broken(self, video_id: str, shape: tuple[int, ...]) -> FeatureError:
        return FeatureError(
            f"{self._path} has broken features of video {video_id!r}: expected a finite table of "
            f"clips x dimensions, got shape {shape}; get the file again"
        )


def describe_clips(path: Path) -> tuple[str, int]:
    """What tells a file of clip features from others: a digest, and the width of a feature.

    The digest is the SHA-256 of the names of all videos, and of the shapes and values of 64 of
    them, taken evenly from the sorted names: another file, or features of another network or PCA,
    has another one.

    Raises:
        FeatureError: The file cannot be read, or has no features.
        InstallationError: h5py is not installed.
    """
    digest, width = hashlib.sha256(), 0
    with _open(path) as file:
        names = sorted(file)
        digest.update("\n".join(names).encode())
        for name in names[:: max(1, -(-len(names) // _SAMPLED_VIDEOS))]:
            table = _table(file, name)
            if table is not None and table.ndim == 2:
                clips = np.asarray(table, dtype=np.float32)
                digest.update(str(clips.shape).encode() + clips.astype("<f4").tobytes())
                width = width or clips.shape[1]
    if not width:
        raise FeatureError(
            f"{path} has no features of clips (v_<id>/{_DATASET}); give ActivityNet's C3D "
            "features, or a file of their layout"
        )
    return digest.hexdigest(), width


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise InstallationError(
            "HDF5 files need the package h5py; install it with pip install 'stillseek[hdf5]'"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise FeatureError(
            f"{path} cannot be read as HDF5 ({error}); give the joined and unpacked file"
        ) from error


def _table(file: Any, *names: str) -> Any:
    """The features of the first of these groups that there is, as the file has them, or None."""
    import h5py

    group = next((file[name] for name in names if name in file), None)
    dataset = group.get(_DATASET) if isinstance(group, h5py.Group) else None
    return dataset if isinstance(dataset, h5py.Dataset) else None
