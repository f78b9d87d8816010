"""``stillseek dataset import``: a data set of your own annotated videos."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.cli.console import MOST_LISTED, one_line, print_some, progress_bar, samples_of
from stillseek.data.own_videos.own_dataset import OwnVideosConfig
from stillseek.files import counted
from stillseek.outputs import check_outputs

if TYPE_CHECKING:
    from stillseek.data.own_videos.own_dataset import ImportedVideos

_DEFAULTS = OwnVideosConfig()


def import_(
    annotations: Path,
    /,
    *,
    videos: Path,
    out: Path,
    images: Path | None = None,
    taxonomy: Path | None = None,
    config: Annotated[OwnVideosConfig, Parameter(name="*")] = _DEFAULTS,
) -> int:
    """Make a data set of your own videos from annotations of what happens when.

    Annotations are a CSV, TSV or JSON table with video, start, end and label (and image and split,
    if wanted), a file of VIA 3, ELAN, BORIS, Label Studio or CVAT, labels.jsonl of the page, or
    ActivityNet's JSON. Activities are asked for with their own images, or with frames of other
    videos that show the same label.

    Args:
        annotations: File of the annotations: .csv, .tsv, .json, .jsonl, .eaf, .boris or .xml.
        videos: Folder of the videos, with subfolders; they stay where they are.
        out: Folder of the data set.
        images: Folder of query images, with a subfolder a label.
        taxonomy: JSON file of similar classes: lists of labels by group, or a tree like
            ActivityNet's; for Difficult queries.
        config: Settings of the data set.
    """
    from stillseek.data.manifest import dataset_output
    from stillseek.data.own_videos.own_dataset import BrokenAnnotationsError, import_videos

    output = dataset_output(out, name="--out")
    check_outputs([output], inputs=[annotations, videos, images, taxonomy])
    try:
        with progress_bar("videos") as advance:
            made = import_videos(
                annotations,
                videos,
                out,
                config,
                images=images,
                taxonomy=taxonomy,
                on_progress=advance,
            )
    except BrokenAnnotationsError as error:
        print_some("error", error.problems)
        print(f"error: {one_line(error.summary)}", file=sys.stderr)
        return 1
    print_some("skipped", made.skipped)
    empty = (
        f"no question is in {split}: none of its activities has a picture that may ask there; "
        "annotate more videos, or give images of the labels with --images"
        for split in made.empty_splits
    )
    print_some("warning", list(empty))
    for line in _describe_import(out, made):
        print(line)
    return 0


def _describe_import(out: Path, made: "ImportedVideos") -> Iterator[str]:
    samples = made.manifest.samples
    videos = len({sample.video_id for sample in samples})
    classes = len({sample.label for sample in samples})
    yield f"{out}: {samples_of(made.manifest)}"
    yield (
        f"asked for: {counted(made.num_activities, 'activity', 'activities')} of "
        f"{counted(classes, 'class', 'classes')} in {counted(videos, 'video')}"
    )
    by_hand = sum(sample.query_image is not None for sample in samples)
    difficult = sum(sample.query_kind == "difficult" for sample in samples)
    yield (
        f"queries: {counted(by_hand, 'image')}, {counted(len(samples) - by_hand, 'frame')} of "
        f"other videos; {len(samples) - difficult} simple, {difficult} difficult"
    )
    yield f"split: {made.split}"
    if made.num_shared_videos:
        yield f"searched in more than one split: {counted(made.num_shared_videos, 'video')}"
    if made.left_out:
        more = len(made.left_out) - MOST_LISTED
        listed = ", ".join(made.left_out[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
        yield f"not asked for, as no picture of the label may ask: {listed}"
    if made.num_joined:
        yield f"joined to another activity of the same label that they overlap: {made.num_joined}"
    if made.num_cut:
        yield f"cut to the end of their video: {made.num_cut}"
    if made.num_unlabelled:
        yield f"without annotations, and left out: {counted(made.num_unlabelled, 'video')}"
    if made.skipped:
        yield f"skipped as broken: {len(made.skipped)}"
    if made.unread:
        yield f"not read: {', '.join(made.unread)}"
    if (c := made.cleaning) is not None and c.cut:
        yield f"cut by ActivityNet's reader to the annotated length of their video: {c.cut}"
    if c is not None and any((c.reversed, c.outside, c.duplicates)):
        yield (
            f"dropped by ActivityNet's reader: {c.reversed} reversed, {c.outside} after their "
            f"video, {c.duplicates} repeated"
        )
