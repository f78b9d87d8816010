"""``stillseek train-encoder``: train the encoder of the ``pocket`` recipe."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from stillseek.cli.console import print_wrote, progress_bar
from stillseek.outputs import Output, check_outputs
from stillseek.training.encoder_config import EncoderTrainConfig

_DEFAULTS = EncoderTrainConfig()


def train_encoder(
    *,
    out: Path,
    config: Annotated[EncoderTrainConfig, Parameter(name="*")] = _DEFAULTS,
    overwrite: bool = False,
) -> None:
    """Train the pocket encoder on rendered pictures of seen classes.

    The epoch that tells validation classes apart best is kept. Features of another encoder do not
    fit the shipped head: train a head on them.

    Args:
        out: Folder for the weights and the training summary.
        config: Settings.
        overwrite: Replace files that stillseek did not write.
    """
    output = Output(
        name="--out",
        path=out,
        holds=("pocket_encoder.safetensors", "encoder.json"),
        signs=(("pocket_encoder.safetensors", "embedding_dim"),),
    )
    check_outputs([output], inputs=(), overwrite=overwrite)
    from stillseek.training.encoder import train_encoder as run

    with progress_bar("training") as advance:
        summary = run(config, out, on_progress=advance)
    print(f"validation AUC {summary['best_validation_auc']:.4f}")
    print_wrote(f"{out / 'pocket_encoder.safetensors'}")
