"""``stillseek dataset compose``: a data set made of labelled photographs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stillseek.cli.console import print_some, progress_bar, samples_of
from stillseek.files import counted
from stillseek.outputs import check_outputs
from stillseek.synthetic.composed.composed_dataset import ComposedConfig

_DEFAULTS = ComposedConfig()


def compose(
    photographs: Path,
    /,
    *,
    out: Path,
    class_split: Path | None = None,
    taxonomy: Path | None = None,
    config: Annotated[ComposedConfig, Parameter(name="*")] = _DEFAULTS,
    workers: int | None = None,
) -> None:
    """Make untrimmed videos and questions from a folder of labelled photographs.

    The class of a photograph is the path of its folder. Photographs that ask are never shown, nor
    are near-duplicates of them. Videos that are there already are kept: run the same command again
    to go on where it stopped. The data set holds copies of photographs: it may be passed on only
    as far as they may be.

    Args:
        photographs: Folder with the photographs in folders, of any depth.
        out: Folder of the data set.
        class_split: JSON file with the lists train, validation (or val) and test of classes, and
            similar, if wanted: lists of classes by group. Without it, 15% of the classes
            validate and 15% test, at least two each; that takes six classes.
        taxonomy: JSON file of similar classes, for Difficult queries: lists of classes by group,
            or a tree like ActivityNet's; the class split's similar where not given.
        config: Settings of the data set.
        workers: Processes that read and compose, at least 1; one a core where not given.
    """
    from stillseek.synthetic.benchmark import benchmark_output
    from stillseek.synthetic.composed.composed_dataset import compose_dataset
    from stillseek.synthetic.composed.photographs import read_photographs

    check_outputs(
        [benchmark_output(out, name="--out")], inputs=[photographs, class_split, taxonomy]
    )
    with progress_bar("reading photographs") as advance:
        found = read_photographs(photographs, workers=workers, on_progress=advance)
    print_some("skipped", found.unreadable)
    with progress_bar("composing") as advance:
        made = compose_dataset(
            found,
            out,
            config,
            class_split=class_split,
            taxonomy=taxonomy,
            workers=workers,
            on_progress=advance,
        )
    left_out = (
        f"{counted(len(found.unreadable), 'image')} unreadable or too small, "
        f"{len(found.unlabelled)} in no class folder, "
        f"{counted(found.num_shared, 'near-duplicate')} of other classes"
    )
    simple, difficult = (
        ", ".join(f"{number} {split}" for split, number in missing.items()) or "none"
        for missing in (made.missing_simple, made.missing_difficult)
    )
    if made.missing_difficult and not made.knows_similar:
        difficult += (
            ", as no similar classes are known: give --taxonomy FILE, or similar in the file of "
            "--class-split"
        )
    print(
        f"{out}: {samples_of(made.manifest)} of {counted(len(found.photographs), 'photograph')}; "
        f"left out: {left_out}; Simple queries that could not be: {simple}; Difficult queries that "
        f"could not be: {difficult}"
    )
