"""Small intact files of every kind that the tool reads; the same bytes every time."""

import json
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from onnx import parser
from PIL import Image, features

from stillseek.data.durations import write_durations
from stillseek.data.manifest import write_manifest
from stillseek.data.sample import Sample
from stillseek.evaluation.predictions import (
    Prediction,
    Predictions,
    PredictionsHeader,
    write_predictions,
)
from stillseek.features import load_recipe
from stillseek.handoff.annotation_files import write_annotations
from stillseek.handoff.selection import Selection
from stillseek.localize import Localizer
from stillseek.models.checkpoint import Checkpoint, save_checkpoint
from stillseek.models.flp import Flp, FlpConfig
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.models.onnx_export import _properties
from stillseek.models.onnx_session import seal
from stillseek.models.sail import Sail, SailConfig
from stillseek.timeline import Segment

# Container, encoder, pixel format, frames a second, encoder of the sound.
_VIDEOS = (
    ("mp4", "libx264", "yuv420p", 10, "aac"),
    ("mp4", "libx265", "yuv420p", 10, None),
    ("mov", "mpeg4", "yuv420p", 10, "pcm_s16le"),
    ("mkv", "libx264", "yuv420p", 10, "libopus"),
    ("webm", "libvpx-vp9", "yuv420p", 10, None),
    ("ts", "mpeg2video", "yuv420p", 25, "mp2"),
    ("mpg", "mpeg1video", "yuv420p", 25, "mp2"),
    ("avi", "mjpeg", "yuvj420p", 10, "pcm_u8"),
    ("flv", "flv", "yuv420p", 10, None),
    ("ogv", "libtheora", "yuv420p", 10, None),
    ("gif", "gif", "rgb8", 10, None),
    ("mxf", "mpeg2video", "yuv420p", 25, None),
    ("wmv", "wmv2", "yuv420p", 10, None),
    ("nut", "ffv1", "yuv420p", 10, None),
)
_MUXERS = {"mkv": "matroska", "ts": "mpegts", "mpg": "mpeg", "ogv": "ogg", "wmv": "asf"}
_SECONDS = 1.5
# x265 writes beyond its memory where the picture is smaller.
_SIZE = (96, 64)
_LABELS = ("archery", "bowling")


def build(folder: Path) -> None:
    """Writes the corpus: a folder a kind, with one entry for each file or folder to break."""
    for place, spec in enumerate(_VIDEOS):
        if spec[1] in av.codecs_available:
            _write_video(folder / f"video/{place:02}.{spec[0]}", *spec)
    clips = folder / "clips"
    for number, seconds in enumerate((4.0, 5.0, 6.0)):
        _write_video(clips / f"v{number}.mp4", *_VIDEOS[0], seconds=seconds)
    _write_pictures(folder / "image")
    _write_annotations(folder / "annotations", folder / "clips")
    similar = {"ball": ["archery", "bowling"], "water": ["diving", "rowing"]}
    _write_text(folder / "taxonomy/groups.json", json.dumps(similar))
    _write_data_set(folder / "manifest/dataset", clips)
    _write_predictions(folder / "predictions")
    _write_heads(folder)
    store = folder / "store/features"
    localizer = Localizer.load("pocket", model="matching", cache=store)
    localizer.locate(clips / "v0.mp4", folder / "image/plain.png")


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_video(
    path: Path,
    suffix: str,
    encoder: str,
    pixels: str,
    rate: int,
    sound: str | None,
    seconds: float = _SECONDS,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[: _SIZE[1], : _SIZE[0]]
    options = {"fflags": "+bitexact"}
    with av.open(str(path), "w", format=_MUXERS.get(suffix, suffix), options=options) as out:
        quiet = {"x265-params": "log-level=none"} if encoder == "libx265" else {}
        stream = out.add_stream(encoder, rate=Fraction(rate), options=quiet)
        stream.width, stream.height, stream.pix_fmt = *_SIZE, pixels
        stream.codec_context.thread_count = 1
        noise = None
        if sound is not None:
            noise = out.add_stream(sound, rate=48000, layout="mono")
        for step in range(round(seconds * rate)):
            planes = np.stack((rows * 4, columns * 2, np.full_like(rows, 9 * step)), axis=-1)
            frame = av.VideoFrame.from_ndarray((planes % 256).astype(np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if noise is not None:
            samples = np.random.default_rng(1).integers(-999, 999, (1, round(48000 * seconds)))
            chunk = av.AudioFrame.from_ndarray(
                samples.astype(np.int16), format="s16", layout="mono"
            )
            chunk.sample_rate = 48000
            for part in _in_frames(chunk, noise):
                out.mux(noise.encode(part))
            out.mux(noise.encode(None))


def _in_frames(chunk: av.AudioFrame, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout="mono", rate=48000, frame_size=context.frame_size or 1024
    )
    yield from resampler.resample(chunk)
    yield from resampler.resample(None)


def _write_pictures(folder: Path) -> None:
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:40, :60]
    pixels = np.stack((rows * 6, columns * 4, (rows + columns) * 2), axis=-1).astype(np.uint8)
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "camera", 72.0
    for suffix in ("png", "bmp", "ppm", "jp2"):
        picture.save(folder / f"plain.{suffix}")
    picture.save(folder / "turned.jpg", exif=exif)
    picture.save(folder / "steps.jpg", progressive=True)
    picture.save(folder / "lossy.webp")
    picture.save(folder / "exact.webp", lossless=True, exif=exif)
    picture.quantize(16).save(folder / "still.gif")
    picture.save(folder / "moves.gif", save_all=True, append_images=[picture.rotate(90)])
    picture.save(folder / "packed.tiff", compression="tiff_lzw")
    picture.save(folder / "jpeg.tiff", compression="jpeg")
    deep = Image.fromarray((rows * 1600).astype(np.uint16))
    deep.save(folder / "deep.png")
    deep.save(folder / "deep.tiff")
    picture.convert("RGBA").save(folder / "clear.png")
    picture.resize((32, 32)).save(folder / "plain.ico")
    if features.check("avif"):
        picture.save(folder / "plain.avif", exif=exif)


def _write_annotations(folder: Path, clips: Path) -> None:
    rows = [
        {"video": f"v{video}.mp4", "start": start, "end": start + 1.5, "label": _LABELS[place]}
        for video in range(3)
        for place, start in enumerate((0.5, 2.25))
    ]
    _write_text(folder / "list.json", json.dumps(rows, indent=1))
    items = [
        Selection(
            video=clips / row["video"], segment=Segment(row["start"], row["end"]), name=row["label"]
        )
        for row in rows
    ]
    write_annotations(items, folder / "table.csv")
    write_annotations(items, folder / "project.boris")
    write_annotations(items, folder / "studio.json", "label-studio")
    write_annotations(items, folder / "via.json", "via")
    write_annotations(items, folder / "activitynet.json", "activitynet")
    write_annotations(items[:2], folder / "tiers.eaf")
    write_annotations(items[:2], folder / "tracks.xml")
    net = json.loads((folder / "activitynet.json").read_text())
    root = {"nodeId": 0, "nodeName": "Root", "parentId": None, "parentName": None}
    nodes = [
        {"nodeId": n, "nodeName": name, "parentId": 0, "parentName": "Root"}
        for n, name in enumerate(_LABELS, start=1)
    ]
    _write_text(folder / "activitynet.json", json.dumps(net | {"taxonomy": [root, *nodes]}))
    lines = [
        "# Exported using VGG Image Annotator",
        "# CSV_HEADER = metadata_id,file_list,temporal_segment_start,temporal_segment_end,metadata",
    ]
    decisions = []
    header = "Observation id\tSource\tMedia duration (s)\tSubject\tBehavior\tBehavior type"
    events = [f"{header}\tStart (s)\tStop (s)"]
    for number, row in enumerate(rows):
        video, start, end, label = row.values()
        answer = f'{{""Activity"":""{label}""}}'
        lines.append(f'"1_{number}","[""{video}""]",{start},{end},"{answer}"')
        decision = {"video": video, "start_seconds": start, "end_seconds": end, "label": label}
        decisions.append(json.dumps(decision | {"kept": number != 1}))
        source = f"o{number // 2}\tplayer #1:{video}\t4.0"
        events.append(f"{source}\t\t{label}\tSTATE\t{start}\t{end}")
    for name, text in (("via.csv", lines), ("labels.jsonl", decisions), ("events.tsv", events)):
        _write_text(folder / name, "\n".join(text) + "\n")


def _write_data_set(folder: Path, clips: Path) -> None:
    samples = [
        Sample(
            sample_id=f"s{number}",
            video_id=f"v{number}",
            duration_seconds=4.0 + number,
            window=None,
            segment=Segment(1.0, 3.0),
            label=_LABELS[0],
            split="test",
            query_kind="simple",
            query_label=_LABELS[0],
            query_video_id=f"v{(number + 1) % 3}",
            query_seconds=1.5,
            query_image=None,
            source_video_id=f"v{number}",
            pair_id=None,
            taxonomy_distance=0,
        )
        for number in range(3)
    ]
    folder.mkdir(parents=True)
    settings = write_durations(folder, {f"v{n}": 4.0 + n for n in range(3)})
    # Absolute: the folder is copied before it is broken.
    videos = os.fspath(clips)
    write_manifest(folder, samples, source="fuzz", seed=0, settings=settings, videos=videos)


def _write_predictions(folder: Path) -> None:
    header = PredictionsHeader(model="matching", checkpoint=None, decode="joint", seed=0)
    rows = tuple(
        Prediction(sample_id=f"s{n}", start_seconds=1.0, end_seconds=2.0 + n, score=0.5)
        for n in range(3)
    )
    folder.mkdir(parents=True)
    write_predictions(folder / "predictions.jsonl", Predictions(header=header, rows=rows))


def _write_heads(folder: Path) -> None:
    recipe = load_recipe("pocket")
    widths = {name: getattr(recipe, name) for name in ("clip_dim", "region_dim", "global_dim")}
    torch.manual_seed(0)
    small = SailConfig(
        **widths, num_layers=1, num_heads=2, projection_dim=3, window=3, ffn_dim=5, hidden_dim=7
    )
    models = {
        "sail": Sail(small),
        "flp": Flp(FlpConfig(**widths, hidden_dim=5)),
        "matching": Matching(MatchingConfig(**widths)),
    }
    for name, model in models.items():
        head = Checkpoint(
            model=model.eval(),
            recipe_name=recipe.name,
            recipe_fingerprint=recipe.fingerprint,
            training={"epochs": 3},
            calibration={"slope": 2.5},
        )
        save_checkpoint(folder / f"checkpoint/{name}", head)
        if name != "sail":
            (folder / "onnx").mkdir(exist_ok=True)
            (folder / f"onnx/{name}.onnx").write_bytes(_in_onnx(head, widths))


def _in_onnx(head: Checkpoint, widths: dict[str, int]) -> bytes:
    """As an export of a head, which takes seconds, but for its one operator."""
    proto = parser.parse_model(
        f"""
        <ir_version: 10, opset_import: ["": 18]>
        head (
            float[batch, clip, {widths["clip_dim"]}] clips, bool[batch, clip] clip_mask,
            float[batch, region, {widths["region_dim"]}] regions, float[batch, region, 4] boxes,
            bool[batch, region] region_mask, float[batch, {widths["global_dim"]}] global_feature
        ) => (
            float[batch, clip] start_logits, float[batch, clip] end_logits,
            float[batch, clip] clip_logits
        ) {{
            axes = Constant <value_ints = [2]> ()
            clip_logits = ReduceMean <keepdims = 0> (clips, axes)
            start_logits = Identity (clip_logits)
            end_logits = Identity (clip_logits)
        }}
        """
    )
    for key, value in _properties(head).items():
        proto.metadata_props.add(key=key, value=value)
    return seal(proto.SerializeToString(deterministic=True))
