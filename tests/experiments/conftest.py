"""A small data set with features in memory, and trainings that end at once."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from random_features import RandomFeatures
from samples import make_sample

from stillseek.data.manifest import Manifest, write_manifest
from stillseek.data.sample import Sample
from stillseek.evaluation.predictions import Prediction, Predictions, PredictionsHeader
from stillseek.models.catalog import MODELS
from stillseek.models.checkpoint import Checkpoint, save_checkpoint
from stillseek.models.matching import Matching, MatchingConfig
from stillseek.timeline import Segment
from stillseek.training.config import TrainConfig

WIDTH = 6
SECONDS = 7.0
SMALL = {
    "sail": {"num_heads": 1, "projection_dim": 5, "window": 2, "ffn_dim": 7, "hidden_dim": 3},
    "flp": {"hidden_dim": 7},
    "sst": {"hidden_dim": 7, "num_proposals": 5, "num_layers": 1, "dropout": 0.0},
    "similarity": {"hidden_dim": 5, "num_layers": 1},
    "tal": {"hidden_dim": 8, "projection_dim": 3, "anchor_scales": (2, 5), "num_heads": 2},
}


def _sample(split: str, number: int, label: str, query: str, video: str, **fields) -> Sample:
    values = {
        "sample_id": f"{split}-{number}",
        "video_id": f"{split}-{video}",
        "duration_seconds": SECONDS,
        "label": label,
        "split": split,
        "query_kind": "simple" if query == label else "difficult",
        "query_label": query,
        "query_video_id": f"{split}-q{number}",
        "query_seconds": 2.5,
        "taxonomy_distance": 0 if query == label else 2,
        "segment": Segment(1.0, 4.0),
    }
    return make_sample(**values | fields)


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Four videos a split; the first is asked for two activities, two questions are Difficult."""
    samples = []
    for split in ("train", "validation", "test", "seen"):
        later = Segment(4.0, 6.0)
        samples += [
            _sample(split, 0, "violin", "violin", "a", pair_id=f"{split}-a"),
            _sample(split, 1, "chess", "chess", "a", pair_id=f"{split}-a", segment=later),
            _sample(split, 2, "violin", "cello", "b"),
            _sample(split, 3, "chess", "chess", "c", segment=later),
            _sample(split, 4, "golf", "golf", "d"),
            _sample(split, 5, "golf", "polo", "d"),
        ]
    return write_manifest(
        tmp_path_factory.mktemp("own") / "dataset", samples, source="test", seed=0, settings={}
    )


@pytest.fixture(scope="session")
def answers_of() -> Callable[..., Predictions]:
    """Answers that begin right and have a share of the right length: their IoU."""

    def make(samples, share_of, model="sail", *, checkpoint="c", decode="joint", seed=0):
        header = PredictionsHeader(model=model, checkpoint=checkpoint, decode=decode, seed=seed)
        rows = []
        for number, sample in enumerate(samples):
            start, length = sample.segment.start_seconds, sample.segment.duration_seconds
            end = start + share_of(number, sample) * length
            times = {"start_seconds": start, "end_seconds": end}
            rows.append(Prediction(sample_id=sample.sample_id, score=1.0, **times))
        return Predictions(header=header, rows=tuple(rows))

    return make


@pytest.fixture
def source() -> RandomFeatures:
    return RandomFeatures(WIDTH, SECONDS)


class Trainer:
    """Writes an untrained head where ``stillseek train`` would write a trained one."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, ...]] = []

    def __call__(self, arguments: Sequence[str], log: Path) -> SimpleNamespace:
        self.commands.append(tuple(arguments))
        given = dict(pairwise(arguments))
        model, seed = given["--model"], int(given["--seed"])
        torch.manual_seed(seed)
        layers = {"num_layers": int(given.get("--num-layers", 2))} if model == "sail" else {}
        config_class, model_class = MODELS[model]
        widths = {"clip_dim": WIDTH, "region_dim": WIDTH, "global_dim": WIDTH}
        config = config_class(**widths, **SMALL[model], **layers)
        training = {
            "name": given["--name"],
            "config": asdict(TrainConfig(seed=seed, query_blind="--query-blind" in arguments)),
            "num_epochs": 3,
            "best_epoch": 1,
            "best_validation_miou": 0.25,
        }
        checkpoint = Checkpoint(
            model=model_class(config),
            recipe_name="test",
            recipe_fingerprint="f" * 64,
            training=training,
        )
        save_checkpoint(Path(given["--out"]) / "head", checkpoint)
        return SimpleNamespace(poll=lambda: 0)


@pytest.fixture(scope="session")
def make_trainer() -> type[Trainer]:
    return Trainer


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture(scope="session")
def matching() -> Checkpoint:
    config = MatchingConfig(clip_dim=WIDTH, region_dim=WIDTH, global_dim=WIDTH)
    return Checkpoint(
        model=Matching(config), recipe_name="test", recipe_fingerprint="f" * 64, training={}
    )
