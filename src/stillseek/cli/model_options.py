"""Options of the models that can be trained, without torch, so that the command line is fast."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Literal

from stillseek.errors import UsageError

if TYPE_CHECKING:
    from stillseek.cli.dataset_features import DatasetFeatures
    from stillseek.models.catalog import LocalizerModel

TrainableName = Literal["sail", "similarity", "flp", "sst", "tal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """What the models' configurations hold besides the feature widths; None is their default.

    In parentheses stands which model has an option, with its default.

    Attributes:
        num_layers: Layers of the local transformer, the convolutions or the GRU (sail: 5;
            similarity: 4; sst: 2).
        num_heads: Heads of the attentions (sail: 4; tal: 4).
        projection_dim: Width of one head (sail: 256; tal: 64).
        window: A clip sees this many clips on each side (sail: 8).
        ffn_dim: Hidden width of the feed-forward sublayer (sail: 1024).
        hidden_dim: Width of the hidden layers (sail: 256; similarity: 48; flp: 512; sst: 512;
            tal: 256).
        dropout: Dropout rate (sail: 0.1; similarity: 0.1; flp: 0.1; sst: 0.1; tal: 0.1).
        num_proposals: Proposals that end at every step, or that reach the second stage
            (sst: 200; tal: 64).
        anchor_scales: Lengths of the anchors in steps
            (tal: 1 2 3 4 6 8 11 16 23 32 45 64 90 128).
        region_self_attention: Off is the ablation w/o RS (sail: on).
        multi_level_interaction: Off is the ablation w/o ML (sail: on).
        local_self_attention: Off is the ablation w/o LS (sail: on).
        bidirectional_aggregation: Off is the ablation w/o BA (sail: on).
        least_steadiness: Median cosine of a video's neighbouring clips below which matching answers
            alone, in [0, 1] (similarity: None).
    """

    num_layers: int | None = None
    num_heads: int | None = None
    projection_dim: int | None = None
    window: int | None = None
    ffn_dim: int | None = None
    hidden_dim: int | None = None
    dropout: float | None = None
    num_proposals: int | None = None
    anchor_scales: tuple[int, ...] | None = None
    region_self_attention: bool | None = None
    multi_level_interaction: bool | None = None
    local_self_attention: bool | None = None
    bidirectional_aggregation: bool | None = None
    least_steadiness: float | None = None

    def build(self, name: TrainableName, features: "DatasetFeatures") -> "LocalizerModel":
        """A new model for features.

        Raises:
            UsageError: An option belongs to another model, or a value is out of range.
        """
        from stillseek.models.catalog import MODELS

        config_class, model_class = MODELS[name]
        widths = {
            name: getattr(features, name) for name in ("clip_dim", "region_dim", "global_dim")
        }
        given = {option: value for option, value in asdict(self).items() if value is not None}
        options = {field.name for field in fields(self)}
        known = [field.name for field in fields(config_class) if field.name in options]
        foreign = [option for option in given if option not in known]
        if foreign:
            raise UsageError(
                f"{_flag(foreign[0])} is not an option of model {name!r}, which has "
                f"{', '.join(map(_flag, known))}; leave it out, or choose another --model"
            )
        return model_class(config_class(**widths, **given))


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"
