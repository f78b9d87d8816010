"""Everything from ActivityNet's videos, or its C3D features, to the scores of the paper's table.

Builds ActivityIBAL, extracts features, fits the PCA, trains SAIL with each seed, and scores the
heads on unseen classes. Every step is a `stillseek` command; a step that is done is not done
again, and one that was cut off goes on where it stopped: run the same command again.

    python benchmarks/reproduce.py --annotations activity_net.v1-3.min.json --videos VIDEOS \
        --weights WEIGHTS --out runs/activity-ibal [--ranks 4 --device cuda] [-- --max-epochs 30]

With `--clip-features sub_activitynet_v1-3.c3d.hdf5` clips come from that file: only query frames
are extracted, and no PCA is fitted. What follows `--` goes to `stillseek train`.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pocket import ROOT, run

PAPER = "c3d-vgg16"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what was not run before."""
    options = parse(arguments)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    dataset = ("--dataset", str(out / "dataset"))
    store, weights = str(out / "store"), given(options, "weights")
    build(options)
    extract(options, dataset, store, weights)
    recipe = ("--recipe", options.recipe, *weights)
    clips = given(options, "clip_features")
    if options.recipe == PAPER and not clips:
        pca = str(out / "pca.safetensors")
        fit = ("--out", pca, "--components", str(options.components))
        run(out, "fit_pca", "fit-pca", *dataset, "--store", store, *weights, *fit)
        recipe += ("--reduction", pca)
    data = (*dataset, "--store", store, *recipe, *clips)
    heads = []
    for seed in options.seeds:
        heads.append(str(out / f"sail_{seed}"))
        place = ("--out", heads[-1], "--seed", seed, "--resume")
        run(out, f"sail_{seed}", "train", *data, *place, *options.train, ranks=options.ranks)
    scores = ("--checkpoint", *heads, "--out", str(out / "scores"), "--device", options.device)
    run(out, "evaluate", "evaluate", *data, *scores)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--annotations", required=True, help="ActivityNet's annotation file")
    parser.add_argument("--videos", required=True, help="folder of the videos")
    parser.add_argument("--taxonomy", help="file with the class tree, if the annotations lack it")
    parser.add_argument("--class-split", help="file of the class split, or feng")
    parser.add_argument("--clip-features", help="HDF5 file of ActivityNet's C3D features")
    parser.add_argument("--recipe", default=PAPER, help=f"how pixels become features; {PAPER}")
    parser.add_argument("--weights", help="weights of the recipe: a file, or a folder of them")
    parser.add_argument("--components", type=int, default=500, help="width after the PCA")
    parser.add_argument("--seeds", nargs="+", default=["0", "1", "2"], help="a training each")
    parser.add_argument("--ranks", type=int, default=1, help="processes that extract and train")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda: a GPU for each rank")
    parser.add_argument("--out", type=Path, default=ROOT / "runs/activity-ibal")
    parser.add_argument("train", nargs="*", help="options of stillseek train, after --")
    return parser.parse_args(arguments)


def given(options: argparse.Namespace, *names: str) -> tuple[str, ...]:
    """The options of a command that were given."""
    pairs = ((f"--{name.replace('_', '-')}", getattr(options, name)) for name in names)
    return tuple(word for pair in pairs if pair[1] is not None for word in pair)


def build(options: argparse.Namespace) -> None:
    """The questions, about the videos that are there."""
    source = given(options, "annotations", "videos", "taxonomy", "class_split")
    run(options.out, "build", "dataset", "build", str(options.out / "dataset"), *source)


def extract(
    options: argparse.Namespace, dataset: Sequence[str], store: str, weights: Sequence[str]
) -> None:
    """The features, a share of the videos for each rank and its GPU."""
    recipe = ("--recipe", options.recipe, *weights)
    only = ("--queries-only",) if options.clip_features else ()

    def share(rank: int) -> None:
        device = f"cuda:{rank}" if options.device == "cuda" else options.device
        part = ("--device", device, "--shard", f"{rank + 1}/{options.ranks}", *only)
        name = f"extract_{rank + 1}_of_{options.ranks}"
        run(options.out, name, "extract", *dataset, "--out", store, *recipe, *part)

    with ThreadPoolExecutor(options.ranks) as pool:
        for done in [pool.submit(share, rank) for rank in range(options.ranks)]:
            done.result()


if __name__ == "__main__":
    main()
