"""Fitting the reduction of clip features: on the training split, and on nothing else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stillseek.data.example import FeatureSource
from stillseek.data.sample import Sample
from stillseek.errors import UsageError
from stillseek.features.recipes.pca_reduction import CovarianceAccumulator, Reduction


def fit_reduction(
    samples: Sequence[Sample],
    source: FeatureSource,
    *,
    num_components: int,
    origin: Mapping[str, Any],
    on_progress: Callable[[int, int], None] | None = None,
) -> Reduction:
    """Fits a PCA on the clips that training samples search, each video or window once.

    Args:
        samples: Samples of the training split only: unseen classes must stay unseen.
        source: Where the features come from, not reduced.
        num_components: Width after the reduction; the paper's is 500.
        origin: What else the reduction's file says of where it is from: data set, recipe.
        on_progress: Called with the videos done and the videos in total.

    Raises:
        UsageError: A sample is not of the training split, there is none, or there are too few
            clips.
        FeatureError: Features are missing.
    """
    for sample in samples:
        if sample.split != "train":
            raise UsageError(
                f"sample {sample.sample_id!r} is of split {sample.split!r}; a reduction is fitted "
                "on samples of split 'train' only"
            )
    wanted = list(dict.fromkeys((sample.video_id, sample.window) for sample in samples))
    if not wanted:
        raise UsageError("a reduction is fitted on samples of split 'train', and there are none")
    accumulator: CovarianceAccumulator | None = None
    for done, (video_id, window) in enumerate(wanted, start=1):
        clips = source.load_video_features(video_id, window).clips
        accumulator = accumulator or CovarianceAccumulator(clips.shape[1])
        accumulator.update(clips)
        if on_progress is not None:
            on_progress(done, len(wanted))
    assert accumulator is not None
    return accumulator.reduction(
        num_components,
        fitted_on={
            **origin,
            "split": "train",
            "classes": sorted({sample.label for sample in samples}),
            "num_videos": len(wanted),
            "num_clips": accumulator.num_rows,
        },
    )
