"""``stillseek fit-pca``: the reduction of the paper's clip features, from 4,096 to 500."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stillseek.cli.console import print_wrote, progress_bar
from stillseek.cli.recipe_options import files_of
from stillseek.errors import UsageError
from stillseek.features.recipes.options import RecipeOptions
from stillseek.files import counted
from stillseek.outputs import Output, check_outputs

_OPTIONS = RecipeOptions()


def fit_pca(
    *,
    dataset: Path,
    store: Path,
    out: Path,
    components: int = 500,
    options: Annotated[RecipeOptions, Parameter(name="*")] = _OPTIONS,
    overwrite: bool = False,
) -> None:
    """Fit a PCA on the c3d-vgg16 features of training videos, and reduce the store with it.

    The store holds the features of c3d-vgg16 without a reduction. The PCA sees training videos
    only. Then every video of the store is reduced and every query image kept with it, so nothing
    is decoded again.

    Args:
        dataset: Folder of the data set.
        store: Folder of the feature store, filled by stillseek extract --recipe c3d-vgg16.
        out: The file to write, such as pca.safetensors.
        components: Dimensions after the reduction.
        options: How the recipe was loaded when its features were made.
        overwrite: Replace a file that stillseek did not write.
    """
    output = Output(name="--out", path=out, suffixes=(".safetensors",))
    check_outputs([output], inputs=[dataset, store, *files_of(options)], overwrite=overwrite)
    if components < 1:
        raise UsageError(f"components must be at least 1, got {components}")
    if options.reduction is not None:
        raise UsageError("fit-pca takes features that are not reduced; leave --reduction out")
    from stillseek.data.manifest import read_manifest
    from stillseek.data.reduction import fit_reduction
    from stillseek.data.stored import StoredFeatures
    from stillseek.features import FeatureStore
    from stillseek.features.recipes.c3d_vgg16 import load_c3d_vgg16

    manifest, features = read_manifest(dataset), FeatureStore(store)
    recipe = load_c3d_vgg16(options)
    with progress_bar("videos") as advance:
        reduction = fit_reduction(
            manifest.of_split("train"),
            StoredFeatures(manifest, features, recipe.fingerprint),
            num_components=components,
            origin={
                "dataset": manifest.header.source,
                "samples_sha256": manifest.header.samples_sha256,
                "recipe": recipe.name,
                "recipe_fingerprint": recipe.fingerprint,
            },
            on_progress=advance,
        )
    reduction.save(out)
    reduced = recipe.reduced(reduction)
    num_videos, num_queries = features.derive(
        recipe.fingerprint, reduced.fingerprint, reduced.reduce
    )
    kept = reduction.explained_variance.sum() / (reduction.total_variance or 1.0)
    origin = reduction.fitted_on
    print(
        f"{components} of {recipe.clip_dim} dimensions keep {100 * kept:.1f}% of the variance of "
        f"{counted(origin['num_clips'], 'clip')} of "
        f"{counted(origin['num_videos'], 'training video')}"
    )
    kept_queries = counted(num_queries, "query image")
    print(f"reduced {counted(num_videos, 'video')}, kept {kept_queries} in {store}")
    print_wrote(f"{out}; use it with --recipe {recipe.name} --reduction {out}")
