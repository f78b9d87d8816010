"""``stillseek train``: train a head on extracted features."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter
from cyclopts.help import ColumnSpec, DefaultFormatter, NameRenderer
from cyclopts.help.specs import DescriptionColumn

from stillseek.cli.console import print_wrote
from stillseek.cli.model_options import ModelOptions, TrainableName
from stillseek.cli.recipe_options import RecipeBesideHead, files_of
from stillseek.errors import UsageError
from stillseek.features import DEFAULT_RECIPE
from stillseek.models.checkpoint_header import HEAD_FOLDER
from stillseek.outputs import Output, check_outputs
from stillseek.training.config import TrainConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stillseek.data.example import Example, FeatureSource
    from stillseek.data.manifest import Manifest
    from stillseek.data.sample import Sample
    from stillseek.training.config import TrainResult

# As the paper's tables call them.
_TABLE_NAMES: dict[TrainableName, str] = {
    "sail": "sail",
    "similarity": "similarity",
    "flp": "flp",
    "sst": "sst+",
    "tal": "tal+",
}
_ABLATIONS = {
    "region_self_attention": "w/o RS",
    "multi_level_interaction": "w/o ML",
    "local_self_attention": "w/o LS",
    "bidirectional_aggregation": "w/o BA",
}
# Room for the longest name, so that it stays whole on a screen of 80 columns.
_NAMES = ColumnSpec(renderer=NameRenderer(max_width=32), style="cyclopts.name", max_width=32)
_MODELS = Group(
    "Options of the models",
    help_formatter=DefaultFormatter(column_specs=(_NAMES, DescriptionColumn)),
)
_OPTIONS, _RECIPE, _TRAIN = ModelOptions(), RecipeBesideHead(), TrainConfig()


def train(
    *,
    dataset: Path,
    store: Path,
    out: Path,
    model: TrainableName = "sail",
    recipe: str = DEFAULT_RECIPE,
    recipe_options: Annotated[RecipeBesideHead, Parameter(name="*")] = _RECIPE,
    clip_features: Path | None = None,
    drawn_streams: int = 0,
    name: str | None = None,
    resume: bool = False,
    options: Annotated[
        ModelOptions,
        Parameter(
            name="*",
            group=_MODELS,
            negative=None,
            negative_bool="no-",
            negative_iterable=(),
            consume_multiple=True,
        ),
    ] = _OPTIONS,
    config: Annotated[
        TrainConfig, Parameter(name="*", negative=None, negative_bool="no-")
    ] = _TRAIN,
) -> None:
    """Train a head on extracted features.

    Classes of the training split teach it; the epoch with the best mIoU on the validation split
    is kept.

    Args:
        dataset: Folder of the data set.
        store: Folder of the feature store, filled by stillseek extract --dataset.
        out: Folder of the run, and what --checkpoint takes; the trained head is its folder "head".
        model: What to train: SAIL, a baseline of the paper (FLP, SST+, TAL+), or the similarity
            head.
        recipe: Recipe of the features.
        recipe_options: How the recipe was loaded when they were made.
        clip_features: HDF5 file in the layout of ActivityNet's C3D features: clips come from it,
            queries from the store.
        drawn_streams: Train on this many streams an epoch that are drawn anew from the features of
            the training split, in place of its samples; 0 for the samples.
        name: Name of the model in tables; runs that differ in the seed only share it. Made from
            the model and its ablations where not given.
        resume: Go on with the run in the folder; begin where there is none.
        options: Sizes and ablations of the model.
        config: How it is trained.
    """
    output = Output(
        name="--out",
        path=out,
        holds=("config.json", "epochs.jsonl", "*.safetensors", HEAD_FOLDER),
        signs=(("config.json", '"max_epochs"'),),
    )
    inputs = [dataset, store, clip_features, *files_of(recipe_options)]
    check_outputs([output], inputs=inputs)
    if drawn_streams < 0:
        raise UsageError(f"--drawn-streams must be at least 0, got {drawn_streams}")
    import torch
    from accelerate import PartialState

    from stillseek.cli.dataset_features import check_store, open_features
    from stillseek.data.example import ExampleSet
    from stillseek.data.manifest import read_manifest
    from stillseek.features import load_recipe
    from stillseek.models.checkpoint import Checkpoint, save_checkpoint
    from stillseek.training.loop import train as run

    manifest, loading = read_manifest(dataset), recipe_options.options()
    samples, encoder = manifest.of_split("train"), load_recipe(recipe, loading)
    features = open_features(manifest, store, encoder, clip_file=clip_features)
    torch.manual_seed(config.seed)
    head = options.build(model, features)
    for first in samples[:1]:
        check_store(manifest, first, store, encoder, loading, clip_file=clip_features)
    result = run(
        head,
        _examples(samples, features.source, drawn_streams, config),
        ExampleSet(manifest.of_split("validation"), features.source, max_steps=config.max_steps),
        config,
        out,
        resume=resume,
    )
    checkpoint = Checkpoint(
        model=head,
        recipe_name=features.name,
        recipe_fingerprint=features.fingerprint,
        training=_summary(
            name or _table_name(model, options, config), config, manifest, result, drawn_streams
        ),
        recipe_options=loading,
    )
    if not PartialState().is_main_process:
        return
    save_checkpoint(out / HEAD_FOLDER, checkpoint)
    print(
        f"best epoch {result.best_epoch}: validation mIoU {result.best_miou:.2%} (best prior: "
        f"{result.prior}, {result.prior_miou:.2%})"
    )
    print_wrote(f"{out / HEAD_FOLDER}; use it with --checkpoint {out}")


def _examples(
    samples: "Sequence[Sample]", source: "FeatureSource", drawn_streams: int, config: TrainConfig
) -> "Sequence[Example]":
    """The training examples: the samples, or streams drawn from their features."""
    from stillseek.data.drawn_streams import DrawnStreams, FeatureBank
    from stillseek.data.example import ExampleSet

    if not drawn_streams:
        return ExampleSet(samples, source, max_steps=config.max_steps)
    return DrawnStreams(FeatureBank.of_samples(samples, source), drawn_streams, seed=config.seed)


def _table_name(model: TrainableName, options: ModelOptions, config: TrainConfig) -> str:
    """The model, its ablations as in Table 4, and the query-blind control."""
    without = [short for field, short in _ABLATIONS.items() if getattr(options, field) is False]
    blind = ["query-blind"] if config.query_blind else []
    return " ".join([_TABLE_NAMES[model], *without, *blind])


def _summary(
    name: str,
    config: TrainConfig,
    manifest: "Manifest",
    result: "TrainResult",
    drawn_streams: int,
) -> dict[str, object]:
    return {
        "name": name,
        "config": asdict(config),
        "dataset": {
            "source": manifest.header.source,
            "settings_sha256": manifest.header.settings_sha256,
            "samples_sha256": manifest.header.samples_sha256,
        },
        "drawn_streams": drawn_streams,
        "num_epochs": len(result.epochs),
        "best_epoch": result.best_epoch,
        "best_validation_miou": result.best_miou,
        "best_prior": {"name": result.prior, "validation_miou": result.prior_miou},
    }
