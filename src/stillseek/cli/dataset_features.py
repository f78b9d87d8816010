"""The features that a data set is trained and evaluated on; for verbs that need torch anyway."""

from dataclasses import dataclass
from pathlib import Path

from stillseek.cli.recipe_options import describe_others, extract_command, without_files
from stillseek.data.durations import read_durations
from stillseek.data.example import FeatureSource
from stillseek.data.hdf5 import Hdf5ClipFeatures, describe_clips
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Sample
from stillseek.data.stored import StoredFeatures
from stillseek.errors import FeatureError, MediaError
from stillseek.features import FeatureStore, QueryKey, Recipe, RecipeOptions, VideoKey
from stillseek.features.recipes.recipe import CLIPS_OF_FILE, fingerprint_of
from stillseek.features.store.content_address import entry_name


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFeatures:
    """Where the features of a data set come from, and what a head must know of them.

    Its name is the recipe's, with CLIPS_OF_FILE before it where clips come from a file.
    """

    source: FeatureSource
    name: str
    fingerprint: str
    clip_dim: int
    region_dim: int
    global_dim: int


def open_features(
    manifest: Manifest, store: Path, recipe: Recipe, *, clip_file: Path | None
) -> DatasetFeatures:
    """The features of a data set in a store; with an HDF5 file of clips, its queries only.

    Raises:
        FeatureError: The file cannot be used.
        DatasetError: The lengths of the videos are broken.
    """
    source: FeatureSource = StoredFeatures(manifest, FeatureStore(store), recipe.fingerprint)
    name, fingerprint, clip_dim = recipe.name, recipe.fingerprint, recipe.clip_dim
    if clip_file is not None:
        digest, clip_dim = describe_clips(clip_file)
        name = f"{CLIPS_OF_FILE}{recipe.name}"
        fingerprint = fingerprint_of("hdf5", {"clips": digest, "queries": recipe.fingerprint}, {})
        durations = read_durations(manifest)
        source = Hdf5ClipFeatures(clip_file, durations, source, fingerprint=fingerprint)
    return DatasetFeatures(
        source=source,
        name=name,
        fingerprint=fingerprint,
        clip_dim=clip_dim,
        region_dim=recipe.region_dim,
        global_dim=recipe.global_dim,
    )


def check_store(
    manifest: Manifest,
    sample: Sample,
    store: Path,
    recipe: Recipe,
    options: RecipeOptions,
    *,
    clip_file: Path | None,
) -> None:
    """Looks for the features of one sample, so that a wrong recipe is known before any work.

    Raises:
        FeatureError: The store does not have them; the message says what to do.
        MediaError: The video file, or that of the query, is missing, and its hash is not known.
        DatasetError: Such a file is not the one that the data set was made with.
    """
    place, fingerprint = FeatureStore(store), recipe.fingerprint
    stored = StoredFeatures(manifest, place, fingerprint)
    keys: dict[Path, VideoKey | QueryKey] = {}
    try:
        keys[manifest.query_path(sample)] = stored.query_key(sample)
        if clip_file is None:
            keys[manifest.video_path(sample.video_id)] = stored.video_key(sample.video_id)
    except MediaError as error:
        raise MediaError(f"{error}; or {without_files(manifest.folder)}") from error
    for path, key in keys.items():
        if place.files.exists(entry_name(key)):
            continue
        there = ""
        if others := place.other_fingerprints(key):
            found = describe_others(place, others, recipe.name, options, flag="--recipe-precision")
            there = f", only those of {found}"
        command = extract_command(manifest.folder, store, recipe.name, options)
        raise FeatureError(
            f"the store {store} has no features of {path} for recipe {recipe.name!r} with "
            f"fingerprint {fingerprint[:16]}{there}; make them with: {command}"
        )
