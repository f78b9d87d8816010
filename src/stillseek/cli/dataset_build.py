"""``stillseek dataset build``: ActivityIBAL, and by its name another public data set."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from stillseek.cli.console import progress_bar
from stillseek.cli.dataset_activity_ibal import (
    activity_ibal,
    check_place,
    keep_there,
    write_built,
)
from stillseek.data.activity_ibal import ActivityIbalConfig
from stillseek.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from stillseek.data.sample import Split

build = App(name="build")
build.default(activity_ibal)

# As there: for every video one other, of its class.
_ONE_QUERY = ActivityIbalConfig(simple_queries=1, difficult_queries=0)


@build.command(name="video-reloc")
def video_reloc(
    out: Path = Path("video-reloc"),
    /,
    *,
    files: Path,
    annotations: Path,
    taxonomy: Path | None = None,
    videos: Path | None = None,
    config: Annotated[ActivityIbalConfig, Parameter(name="*")] = _ONE_QUERY,
) -> None:
    """Build the video re-localization data of Feng et al. (2018), asked with images.

    Each part of a video that they list is searched, and asked for by the middle frame of the
    activity in another video of the class and split.

    Args:
        out: Folder of the data set.
        files: Folder of their train.json, val.json, test.json and length.json.
        annotations: ActivityNet's file, as for dataset build: lengths and classes.
        taxonomy: File with the class tree, where the annotations have none.
        videos: Folder of the videos: only those that are there are kept.
        config: How questions are drawn.
    """
    from stillseek.data.activity_ibal import ask_windows, query_counts
    from stillseek.data.activitynet import read_activitynet
    from stillseek.data.video_reloc import SOURCE, read_video_reloc

    check_place(out, SOURCE, inputs=(files, annotations, taxonomy, videos))
    source = read_activitynet(annotations, taxonomy=taxonomy)
    if source.taxonomy is None:
        raise DatasetError(
            f"the labels of {files} are nodes of the class tree and {annotations} has none; give "
            "--taxonomy FILE"
        )
    present, counts = keep_there(source.videos, videos)
    names = [video.video_id for video in present]
    listed = read_video_reloc(files, source.videos, source.taxonomy, present=names)
    samples = ask_windows(listed.windows, present, listed.split, source.taxonomy, config=config)
    counts |= {"parts of videos": len(listed.windows)}
    counts |= {"parts left out: video not there": listed.num_missing}
    write_built(
        out,
        samples,
        present,
        source=SOURCE,
        seed=config.seed,
        settings={
            "annotations_sha256": source.sha256,
            "taxonomy_sha256": source.taxonomy.sha256,
            "files_sha256": listed.sha256,
            "questions": asdict(config),
            "class_split": {k: list(v) for k, v in listed.split.by_role().items()},
            "counts": counts | query_counts(samples, len(listed.windows), config),
        },
        videos=videos,
    )


@build.command(name="icq")
def icq(
    out: Path = Path("icq"),
    /,
    *,
    annotations: Path,
    images: Path,
    videos: Path | None = None,
) -> None:
    """Build ICQ-Highlight: videos of QVHighlights, asked with reference images of one style.

    All of it is test. The texts that refine the images are not used.

    Args:
        out: Folder of the data set.
        annotations: Their icq_highlight_release.jsonl.
        images: Folder of the images of one style, such as val_style_realistic; they stay there.
        videos: Folder of the videos: only those that are there are kept.
    """
    from stillseek.data.icq import SOURCE, ask_icq, read_icq, reference_images
    from stillseek.features import content_hash

    check_place(out, SOURCE, inputs=(annotations, images, videos))
    read, pictures = read_icq(annotations), reference_images(images)
    present, counts = keep_there(read.videos, videos)
    samples, asked = ask_icq(read, present, pictures, out)
    used = sorted({Path(str(sample.query_image)).name for sample in samples})
    write_built(
        out,
        samples,
        present,
        source=SOURCE,
        seed=0,
        settings={
            "annotations_sha256": read.sha256,
            "images_sha256": {name: content_hash(images / name) for name in used},
            "counts": counts | asked,
        },
        videos=videos,
    )


@build.command(name="vq2d")
def vq2d(
    out: Path = Path("vq2d"),
    /,
    *,
    train: Path | None = None,
    test: Path | None = None,
    videos: Path,
    validation_share: float = 0.1,
    seed: int = 0,
) -> None:
    """Build the temporal part of Ego4D's VQ2D: when was this object last seen?

    Crops that ask are cut from the clips into the data set. Each clip is searched up to the moment
    of asking.

    Args:
        out: Folder of the data set.
        train: Their vq_train.json; a share of its videos validates.
        test: Their vq_val.json, which is for reports here: the answers of their test are secret.
        videos: Folder of the clips, CLIP_UID.mp4: only those that are there are kept.
        validation_share: Share of the training videos that validate.
        seed: Decides which do.
    """
    from stillseek.data.vq2d import (
        QUERIES,
        SOURCE,
        ask_vq2d,
        cut_crops,
        read_vq2d,
        split_sources,
    )

    if train is None and test is None:
        raise UsageError("nothing to build; give --train vq_train.json, --test vq_val.json or both")
    if not 0 < validation_share < 1:
        raise UsageError(f"--validation-share must be between 0 and 1, got {validation_share}")
    if seed < 0:
        raise UsageError(f"--seed must be at least 0, got {seed}")
    check_place(out, SOURCE, inputs=(train, test, videos), holds=(QUERIES,))
    read = {name: read_vq2d(path) for name, path in (("train", train), ("test", test)) if path}
    splits: dict[str, Split] = (
        {query.source: "test" for query in read["test"].queries} if test else {}
    )
    sources = [query.source for query in read["train"].queries] if train else []
    if shared := sorted(set(sources) & set(splits)):
        raise DatasetError(f"video {shared[0]!r} is in {train} and in {test}; give two files")
    splits |= split_sources(sources, validation_share=validation_share, seed=seed)
    clips = {clip.video_id: clip for each in read.values() for clip in each.clips}
    present, counts = keep_there(tuple(clips.values()), videos)
    names = {clip.video_id for clip in present}
    queries = [q for each in read.values() for q in each.queries if q.clip in names]
    with progress_bar("crops") as advance:
        cut_crops(queries, videos, out, on_progress=advance)
    counts["query sets left out: not valid"] = sum(each.num_invalid for each in read.values())
    write_built(
        out,
        ask_vq2d(queries, splits),
        present,
        source=SOURCE,
        seed=seed,
        settings={
            "annotations_sha256": {name: each.sha256 for name, each in read.items()},
            "validation_share": validation_share,
            "counts": counts,
        },
        videos=videos,
    )
