"""Samples of data sets: a test says what it is about, and the rest is as good as anything."""

from typing import Any

from stillseek.data.annotations import Activity, AnnotatedVideo
from stillseek.data.sample import Sample
from stillseek.timeline import Segment


def make_sample(**values: Any) -> Sample:
    """A Simple question about a training video of 60 s, with these values in place of its own.

    The query is of the same class and the video its own source, where nothing else is said.
    """
    filled = {
        "sample_id": "s",
        "video_id": "v",
        "duration_seconds": 60.0,
        "window": None,
        "segment": Segment(1.0, 2.0),
        "label": "violin",
        "split": "train",
        "query_kind": "simple",
        "query_video_id": "other",
        "query_seconds": 3.5,
        "query_image": None,
        "pair_id": None,
        "taxonomy_distance": 0,
    } | values
    sources = {"query_label": filled["label"], "source_video_id": filled["video_id"]}
    return Sample(**sources | filled)


def make_activity(start: float, end: float, label: str = "violin") -> Activity:
    return Activity(segment=Segment(start, end), label=label)


def make_video(*activities: Activity, name: str = "v", seconds: float = 100.0) -> AnnotatedVideo:
    return AnnotatedVideo(video_id=name, duration_seconds=seconds, activities=activities)
