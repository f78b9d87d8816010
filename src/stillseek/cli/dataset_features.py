"""The features that a data set is trained and evaluated on; for verbs that need torch anyway."""

from dataclasses import dataclass
from pathlib import Path

from stillseek.cli.recipe_options import describe_others, extract_command
from stillseek.data.durations import read_durations
from stillseek.data.example import FeatureSource
from stillseek.data.hdf5 import Hdf5ClipFeatures, describe_clips
from stillseek.data.manifest import Manifest
from stillseek.data.sample import Sample
from stillseek.data.stored import StoredFeatures
from stillseek.errors import FeatureError
from stillseek.features import FeatureStore, QueryKey, Recipe, RecipeOptions, VideoKey
from stillseek.features.recipes.recipe import CLIPS_OF_FILE, fingerprint_of
from stillseek.features.store.content_address import entry_name


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFeatures:
    """Where the features of a data set come from, and what a head must know of them.

    Attributes:
        source: The features.
        name: The recipe's name; with CLIPS_OF_FILE before it where clips come from a file.
        fingerprint: Hash of everything that changes a feature.
        clip_dim: Width of a clip feature.
        region_dim: Width of a region feature.
        global_dim: Width of the global feature.
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
    """The features of a data set in a store, made with a recipe.

    Args:
        manifest: The data set.
        store: Folder of the store.
        recipe: The recipe.
        clip_file: HDF5 file that clips come from instead; then the store has the queries only.

    Raises:
        FeatureError: The file cannot be used.
        DatasetError: The lengths of the videos are broken.
    """
    stored = StoredFeatures(manifest, FeatureStore(store), recipe.fingerprint)
    if clip_file is None:
        return DatasetFeatures(
            source=stored,
            name=recipe.name,
            fingerprint=recipe.fingerprint,
            clip_dim=recipe.clip_dim,
            region_dim=recipe.region_dim,
            global_dim=recipe.global_dim,
        )
    digest, width = describe_clips(clip_file)
    fingerprint = fingerprint_of("hdf5", {"clips": digest, "queries": recipe.fingerprint}, {})
    return DatasetFeatures(
        source=Hdf5ClipFeatures(
            clip_file, read_durations(manifest), stored, fingerprint=fingerprint
        ),
        name=f"{CLIPS_OF_FILE}{recipe.name}",
        fingerprint=fingerprint,
        clip_dim=width,
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

    Args:
        manifest: The data set.
        sample: One of its samples.
        store: Folder of the store.
        recipe: The recipe.
        options: How it was loaded.
        clip_file: As in `open_features`.

    Raises:
        FeatureError: The store does not have them; the message says what to do.
        MediaError: The video file, or that of the query, is missing, and its hash is not known.
        DatasetError: Such a file is not the one that the data set was made with.
    """
    place, fingerprint = FeatureStore(store), recipe.fingerprint
    stored = StoredFeatures(manifest, place, fingerprint)
    keys: dict[Path, VideoKey | QueryKey] = {manifest.query_path(sample): stored.query_key(sample)}
    if clip_file is None:
        keys[manifest.video_path(sample.video_id)] = stored.video_key(sample.video_id)
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
