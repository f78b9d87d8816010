"""Tracks and tags drawn with CVAT, the Computer Vision Annotation Tool.

Read are "CVAT for video 1.1", of a task or of a project, and the tags of frames that "CVAT for
images 1.1" keeps of a video (https://docs.cvat.ai/docs/manual/advanced/xml_format/).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

from stillseek.data.own_videos.annotated_files import VideoFolder, file_name
from stillseek.data.own_videos.markup import attribute_of, read_xml, whole_number
from stillseek.data.own_videos.table import Rows, collect
from stillseek.errors import DatasetError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """A video that was annotated, its frames as CVAT counts them."""

    video: str
    step: int
    stop_frame: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Consecutive frames that show a label: from the first one up to the one after the last."""

    where: str
    task: str | None
    label: str
    first_frame: int
    end_frame: int


def read_cvat(path: Path, videos: VideoFolder) -> Rows:
    """Activities of a CVAT file: a label, for as long as a track of it is visible.

    Frames become seconds by the frame rate of the video.

    Args:
        path: The ``.xml`` file.
        videos: The videos.

    Raises:
        DatasetError: The file is broken.
    """
    root = read_xml(path)
    if root.tag != "annotations":
        raise DatasetError(
            f"{path} is no file of CVAT: its root is <{root.tag}>, not <annotations>"
        )
    tasks = _tasks(root, path)
    labels = {
        (name.text or "").strip()
        for place in ("task", "project", "job")
        for name in root.iterfind(f"meta/{place}/labels/label/name")
    }
    runs = (*_of_tracks(root, tasks, path), *_of_tags(root, tasks, path))
    return collect(
        ((run.where, partial(_values, run, tasks, labels, videos)) for run in runs), elsewhere=True
    )


def _values(
    run: _Run, tasks: Mapping[str | None, _Task], labels: set[str], videos: VideoFolder
) -> Mapping[str, object]:
    if labels and run.label not in labels:
        known = ", ".join(map(repr, sorted(labels)))
        raise UsageError(f"label {run.label!r} is none of the task's: {known}")
    video = _task_of(run.task, tasks, run.where).video
    rate = videos.frame_rate(video)
    start, end = (float(frame / rate) for frame in (run.first_frame, run.end_frame))
    return {"video": video, "start": start, "end": end, "label": run.label}


def _tasks(root: ET.Element, path: Path) -> dict[str | None, _Task]:
    """Tasks by their id; of a file that is no project, the one it has by None."""
    of_project = root.findall("meta/project/tasks/task")
    found: dict[str | None, _Task] = {}
    for task in of_project or [*root.iterfind("meta/task"), *root.iterfind("meta/job")][:1]:
        # Releases put it in either place; a task without a source has the name of its file.
        names = (task.findtext("source"), root.findtext("meta/source"), task.findtext("name"))
        video = next((name.strip() for name in names if name and name.strip()), None)
        if video is None:
            raise DatasetError(f"{path}: a task names no video in <source>; export it again")
        step = task.findtext("frame_filter", "").strip().removeprefix("step=") or "1"
        stop = task.findtext("stop_frame")
        found[task.findtext("id") if of_project else None] = _Task(
            video=file_name(video),
            step=max(1, whole_number(step, f"{path}, frame_filter")),
            stop_frame=None if stop is None else whole_number(stop, f"{path}, stop_frame"),
        )
    if not found:
        raise DatasetError(
            f"{path} has no <meta> with a task, so its video is unknown; export again"
        )
    return found


def _task_of(name: str | None, tasks: Mapping[str | None, _Task], where: str) -> _Task:
    if (task := tasks.get(None) or tasks.get(name)) is None:
        raise DatasetError(f"{where}: there is no task {name!r} in <meta>; export the file again")
    return task


def _of_tracks(root: ET.Element, tasks: Mapping[str | None, _Task], path: Path) -> Iterator[_Run]:
    for number, track in enumerate(root.iterfind("track")):
        where = f"{path}, track {track.get('id', number)}"
        name = track.get("task_id")
        task = _task_of(name, tasks, where)
        place = f"{where}, frame"
        shapes = sorted(
            (whole_number(attribute_of(shape, "frame", where), place), _is_outside(shape))
            for shape in track
            if shape.tag != "attribute"
        )
        label = attribute_of(track, "label", where)
        start: int | None = None
        last = 0
        for frame, outside in shapes:
            if start is not None and outside:
                yield _Run(where=where, task=name, label=label, first_frame=start, end_frame=frame)
            start = None if outside else frame if start is None else start
            last = frame
        if start is not None:
            # Nothing hides it any more: it is there until the task ends.
            end = max(last + task.step, (task.stop_frame or 0) + 1)
            yield _Run(where=where, task=name, label=label, first_frame=start, end_frame=end)


def _is_outside(shape: ET.Element) -> bool:
    """Whether a shape says that its object is not there; of a skeleton, its points say it."""
    parts = [shape] if "outside" in shape.attrib or not len(shape) else list(shape)
    return all(part.get("outside", "0") == "1" for part in parts if part.tag != "attribute")


def _of_tags(root: ET.Element, tasks: Mapping[str | None, _Task], path: Path) -> Iterator[_Run]:
    """Tags of frames that follow each other, as one run a label."""
    frames: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    for image in root.iterfind("image"):
        where = f"{path}, image {image.get('id')}"
        frame = whole_number(attribute_of(image, "id", where), f"{where}, id")
        for tag in image.iterfind("tag"):
            key = image.get("task_id"), attribute_of(tag, "label", where)
            frames[key].append(frame)
    for (name, label), tagged in frames.items():
        step = _task_of(name, tasks, str(path)).step
        tagged = sorted(set(tagged))
        ends = [frame for frame, after in pairwise(tagged) if after - frame > step]
        starts = [tagged[0], *(tagged[tagged.index(end) + 1] for end in ends)]
        for start, end in zip(starts, [*ends, tagged[-1]], strict=True):
            yield _Run(
                where=f"{path}, tag {label!r} of frame {start}",
                task=name,
                label=label,
                first_frame=start,
                end_frame=end + step,
            )
