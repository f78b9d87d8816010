"""Moments as projects of VIA 3 and BORIS, which are JSON."""

from datetime import UTC, datetime
from pathlib import Path

from stillseek.files import MADE_BY, json_text, names_below
from stillseek.handoff.layers import OfVideo, beside, bounds_of, label_of, layers_of
from stillseek.media import VideoInfo, probe

# VIA's numbers: an attribute of temporal segments, answered by choosing one option; a video whose
# file the annotator picks, as no page may open one by itself.
_SEGMENT_ANCHOR, _SELECT, _VIDEO, _LOCAL = "FILE1_Z2_XY0", 4, 4, 1
_PLAYERS = 8
_EMPTY_OF_BEHAVIOR = ("description", "color", "category", "modifiers", "excluded", "coding map")


def via_text(of_video: OfVideo, path: Path) -> str:
    """A project of VIA 3 (data format 3.1.1); the attribute Activity holds the labels."""
    labels = _labels(of_video)
    options = {str(number): label for number, label in enumerate(labels, start=1)}
    option_of = {label: number for number, label in options.items()}
    names = names_below(list(of_video))
    fids = {video: str(number) for number, video in enumerate(of_video, start=1)}
    project = {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": MADE_BY,
            "data_format_version": "3.1.1",
            "creator": MADE_BY,
            "created": 0,
            "vid_list": list(fids.values()),
        },
        "config": {
            "file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}},
            "ui": {
                "file_content_align": "center",
                "file_metadata_editor_visible": True,
                "spatial_metadata_editor_visible": True,
                "spatial_region_label_attribute_id": "",
                "gtimeline_visible_row_count": "4",
            },
        },
        "attribute": {
            "1": {
                "aname": "Activity",
                "anchor_id": _SEGMENT_ANCHOR,
                "type": _SELECT,
                "desc": "",
                "options": options,
                "default_option_id": "",
            }
        },
        "file": {
            fid: {"fid": fid, "fname": names[video], "type": _VIDEO, "loc": _LOCAL, "src": ""}
            for video, fid in fids.items()
        },
        "metadata": {
            f"{fids[video]}_{number}": {
                "vid": fids[video],
                "flg": 0,
                "z": bounds_of(item),
                "xy": [],
                "av": {"1": option_of[label_of(item)]},
            }
            for video, items in of_video.items()
            for number, item in enumerate(items, start=1)
        },
        "view": {fid: {"fid_list": [fid]} for fid in fids.values()},
    }
    return json_text(project, indent=2) + "\n"


def boris_text(of_video: OfVideo, path: Path) -> str:
    """A project of BORIS (format 7.0): an observation a video, and a state event a moment.

    Where moments of one label overlap, the second is of a subject called "2", as one subject is in
    a state once at a time.

    Raises:
        MediaError: A video can no longer be read.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    labels = _labels(of_video)
    subjects: dict[str, None] = {}
    observations = {}
    for number, (video, items) in enumerate(of_video.items(), start=1):
        name = beside(video, path)
        events: list[list[object]] = []
        for label in labels:
            of_label = [item for item in items if label_of(item) == label]
            for layer, parts in enumerate(layers_of(of_label), start=1):
                subject = "" if layer == 1 else str(layer)
                if subject:
                    subjects[subject] = None
                for item in parts:
                    comment = "" if item.score is None else f"score {item.score:.3f}"
                    start = round(item.segment.start_seconds, 3)
                    # BORIS takes two events at one time for the same.
                    stop = max(round(item.segment.end_seconds, 3), round(start + 0.001, 3))
                    events.append([start, subject, label, "", comment, "NA"])
                    events.append([stop, subject, label, "", "", "NA"])
        observations[f"{number} {name.rpartition('/')[2]}"] = _observation(
            name, probe(video), events, now
        )
    project = {
        "time_format": "hh:mm:ss",
        "project_date": now,
        "project_name": "moments",
        "project_description": MADE_BY,
        "project_format_version": "7.0",
        "subjects_conf": {
            str(number): {"key": "", "name": name, "description": "overlapping moments"}
            for number, name in enumerate(subjects)
        },
        "behaviors_conf": {
            str(number): {"type": "State event", "key": "", "code": label}
            | dict.fromkeys(_EMPTY_OF_BEHAVIOR, "")
            for number, label in enumerate(labels)
        },
        "observations": observations,
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    return json_text(project, indent=2) + "\n"


def _labels(of_video: OfVideo) -> list[str]:
    return list(dict.fromkeys(label_of(item) for items in of_video.values() for item in items))


def _observation(
    name: str, info: VideoInfo, events: list[list[object]], now: str
) -> dict[str, object]:
    players = {str(player): [] for player in range(1, _PLAYERS + 1)}
    return {
        "file": players | {"1": [name]},
        "type": "MEDIA",
        "date": now,
        "description": "",
        "time offset": 0.0,
        "events": sorted(events, key=lambda event: float(str(event[0]))),
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {name: round(info.duration_seconds, 3)},
            "fps": {name: None if info.frame_rate is None else float(info.frame_rate)},
            "hasVideo": {name: True},
            "hasAudio": {name: info.has_audio},
        },
    }
