"""``stillseek train``: train a head on extracted features."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from stillseek.training.config import TrainConfig

if TYPE_CHECKING:
    from stillseek.data.manifest import Manifest
    from stillseek.features import Recipe
    from stillseek.models.sail import SailConfig
    from stillseek.training.config import TrainResult

HEAD_FOLDER = "head"


@dataclass(frozen=True, slots=True, kw_only=True)
class SailOptions:
    """`SailConfig` without the feature widths, which follow from the recipe, and without torch.

    Attributes:
        num_layers: Layers of the local transformer.
        num_heads: Heads of its attentions.
        projection_dim: Width of one head.
        window: A clip sees this many clips on each side.
        ffn_dim: Hidden width of the feed-forward sublayer.
        hidden_dim: Hidden width of the additive attention and of the boundary scores.
        dropout: Dropout rate of the transformer's sublayers.
        region_self_attention: Off is the ablation w/o RS.
        multi_level_interaction: Off is the ablation w/o ML.
        local_self_attention: Off is the ablation w/o LS.
        bidirectional_aggregation: Off is the ablation w/o BA.
    """

    num_layers: int = 5
    num_heads: int = 4
    projection_dim: int = 256
    window: int = 8
    ffn_dim: int = 1024
    hidden_dim: int = 256
    dropout: float = 0.1
    region_self_attention: bool = True
    multi_level_interaction: bool = True
    local_self_attention: bool = True
    bidirectional_aggregation: bool = True

    def for_recipe(self, recipe: "Recipe") -> "SailConfig":
        """The whole configuration.

        Raises:
            UsageError: A value is out of range.
        """
        from stillseek.models.sail import SailConfig

        return SailConfig(
            clip_dim=recipe.clip_dim,
            region_dim=recipe.region_dim,
            global_dim=recipe.global_dim,
            **asdict(self),
        )


_ABLATIONS = {
    "region_self_attention": "w/o RS",
    "multi_level_interaction": "w/o ML",
    "local_self_attention": "w/o LS",
    "bidirectional_aggregation": "w/o BA",
}
_SAIL, _TRAIN = SailOptions(), TrainConfig()


def train(
    *,
    dataset: Path,
    store: Path,
    out: Path,
    recipe: str = "pocket",
    name: str | None = None,
    resume: bool = False,
    sail: Annotated[SailOptions, Parameter(name="*", negative=None, negative_bool="no-")] = _SAIL,
    config: Annotated[TrainConfig, Parameter(name="*")] = _TRAIN,
) -> None:
    """Train a head on extracted features.

    Classes of the training split teach it; the epoch with the best mIoU on the validation split
    is kept.

    Args:
        dataset: Folder of the data set.
        store: Folder of the feature store, filled by stillseek extract --dataset.
        out: Folder of the run; the trained head is its folder "head".
        recipe: Recipe of the features.
        name: Name of the model in tables; runs that differ in the seed only share it. Made from
            the ablations where not given.
        resume: Go on with the run in the folder.
        sail: Sizes and ablations of the model.
        config: How it is trained.
    """
    import torch

    from stillseek.data.example import ExampleSet
    from stillseek.data.manifest import read_manifest
    from stillseek.data.stored import StoredFeatures
    from stillseek.features import FeatureStore, load_recipe
    from stillseek.models.checkpoint import Checkpoint, save_checkpoint
    from stillseek.models.sail import Sail
    from stillseek.training.loop import train as run

    manifest, encoder = read_manifest(dataset), load_recipe(recipe)
    source = StoredFeatures(manifest, FeatureStore(store), encoder.fingerprint)
    torch.manual_seed(config.seed)
    model = Sail(sail.for_recipe(encoder))
    result = run(
        model,
        ExampleSet(manifest.of_split("train"), source),
        ExampleSet(manifest.of_split("validation"), source),
        config,
        out,
        resume=resume,
    )
    checkpoint = Checkpoint(
        model=model,
        recipe_name=encoder.name,
        recipe_fingerprint=encoder.fingerprint,
        training=_summary(name or _model_name(sail, config), config, manifest, result),
    )
    save_checkpoint(out / HEAD_FOLDER, checkpoint)
    print(f"best epoch {result.best_epoch}: validation mIoU {100 * result.best_miou:.2f}%")
    print(f"wrote {out / HEAD_FOLDER}; use it with --checkpoint {out / HEAD_FOLDER}")


def _model_name(sail: SailOptions, config: TrainConfig) -> str:
    """``sail``, its ablations as in Table 4, and the query-blind control."""
    parts = ["sail", *(short for field, short in _ABLATIONS.items() if not getattr(sail, field))]
    return " ".join([*parts, "query-blind"] if config.query_blind else parts)


def _summary(
    name: str, config: TrainConfig, manifest: "Manifest", result: "TrainResult"
) -> dict[str, object]:
    return {
        "name": name,
        "config": asdict(config),
        "dataset": {
            "source": manifest.header.source,
            "settings_sha256": manifest.header.settings_sha256,
            "samples_sha256": manifest.header.samples_sha256,
        },
        "num_epochs": len(result.epochs),
        "best_epoch": result.best_epoch,
        "best_validation_miou": result.best_miou,
    }
