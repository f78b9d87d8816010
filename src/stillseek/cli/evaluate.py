"""``stillseek evaluate``: score heads on a data set and print the tables."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stillseek.cli.recipe_options import RecipeBesideHead, files_of
from stillseek.data.sample import Split
from stillseek.errors import UsageError
from stillseek.evaluation.predictions import scores_output
from stillseek.outputs import check_outputs

_RECIPE = RecipeBesideHead()


def evaluate(
    *,
    dataset: Path,
    store: Path,
    out: Path,
    checkpoint: Annotated[
        tuple[Path, ...], Parameter(consume_multiple=True, show_default=False)
    ] = (),
    matching: bool = False,
    similarity: bool = False,
    split: Split = "test",
    pictures: int = 1,
    max_steps: int | None = None,
    recipe: str | None = None,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    clip_features: Path | None = None,
    device: str = "cpu",
    overwrite: bool = False,
) -> None:
    """Score heads on a data set and print the tables.

    Beside every head stand its answers to shuffled queries, and answers that look at nothing:
    Random, the whole video, the centre. Heads that differ in the seed only share a row.

    Args:
        dataset: Folder of the data set.
        store: Folder of the feature store, filled by stillseek extract --dataset.
        out: Folder for the predictions files and the tables made from them.
        checkpoint: Folders of trained heads, of any model, or of the training runs that made them.
        matching: Score matching too, which compares clips and picture and needs no training.
        similarity: Score the similarity head that ships; it serves every recipe that can compare.
        split: Which samples; unseen classes are in test.
        pictures: How many pictures of its class every question is asked with as one, for matching
            and similarity heads.
        max_steps: Most steps of a video, whose clips are averaged to so many; as each head was
            trained with, where not given.
        recipe: Recipe of the features; that of the first checkpoint, or lite, where not given.
        recipe_options: How the recipe was loaded when they were made; as that checkpoint says,
            where not given.
        clip_features: HDF5 file in the layout of ActivityNet's C3D features: clips come from it,
            queries from the store.
        device: Where the heads run: cpu, cuda, cuda:1.
        overwrite: Replace files that stillseek did not write.

    Calibrated heads are also asked about what is not in the videos; presence.md, presence.json and
    reliability.png say how well their presence and scores can be trusted.
    """
    if not (checkpoint or matching or similarity):
        raise UsageError(
            "nothing to score; give --checkpoint DIR, --matching, --similarity or several of these"
        )
    if (matching or similarity) and clip_features is not None:
        raise UsageError(
            f"--{'matching' if matching else 'similarity'} compares clips and pictures of one "
            "encoder, and those of --clip-features are of two; leave one of them out"
        )
    if max_steps is not None and max_steps < 2:
        raise UsageError(f"--max-steps must be at least 2, got {max_steps}")
    inputs = [dataset, store, clip_features, *checkpoint, *files_of(recipe_options)]
    check_outputs([scores_output(out)], inputs=inputs, overwrite=overwrite)
    from stillseek.models.checkpoint_header import find_checkpoint

    for path in checkpoint:
        find_checkpoint(path)
    from stillseek.cli.dataset_features import check_store, open_features
    from stillseek.data.manifest import read_manifest
    from stillseek.evaluation.run import Head, samples_of_split
    from stillseek.evaluation.run import evaluate as run
    from stillseek.features import DEFAULT_RECIPE, load_recipe
    from stillseek.features.recipes.options import recipe_device
    from stillseek.localize.head import check_recipe, installed_head, matching_head, recipe_of
    from stillseek.models.checkpoint import load_checkpoint

    manifest = read_manifest(dataset)
    samples = samples_of_split(manifest, split)
    heads = [Head.of(load_checkpoint(path, recipe_fingerprint=None), path) for path in checkpoint]
    name, options = recipe or DEFAULT_RECIPE, recipe_options.options()
    for head in heads[:1]:
        name, options = recipe_of(head.checkpoint, str(head.path), recipe, options)
    options = replace(options, device=recipe_device(name, device))
    encoder = load_recipe(name, options)
    features = open_features(manifest, store, encoder, clip_file=clip_features)
    for head in heads:
        place = str(head.path)
        check_recipe(head.checkpoint, place, features.name, features.fingerprint, options)
    if matching:
        heads.append(Head.of(matching_head(encoder), None))
    if similarity:
        heads.append(Head.of(installed_head(encoder, "similarity"), None))
    check_store(manifest, samples[0], store, encoder, options, clip_file=clip_features)
    done = run(
        manifest,
        [replace(head, max_steps=max_steps) for head in heads],
        features.source,
        out,
        split=split,
        num_pictures=pictures,
        device=device,
        on_left_out=lambda reason: print(f"warning: {reason}", file=sys.stderr),
    )
    print(done.text, end="")
