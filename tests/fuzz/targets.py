"""Who reads each kind of file: the calls that people and the command line make."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

from stillseek.data.check import check_dataset
from stillseek.data.durations import read_durations
from stillseek.data.manifest import read_manifest
from stillseek.data.own_videos.own_dataset import OwnVideosConfig, import_videos
from stillseek.evaluation.predictions import read_predictions
from stillseek.features import FeatureStore, VideoKey, content_hash, load_recipe
from stillseek.features.store.verify_and_prune import list_recipes, verify
from stillseek.handoff.clips import cut_moments
from stillseek.localize import Localizer
from stillseek.timeline import Segment

TEXTS = frozenset({".csv", ".json", ".jsonl"})


class Targets:
    """Reads what a run has broken; one object serves all runs of a worker.

    Args:
        corpus: Folder of the intact files.
        work: Empty folder for what a run writes.
    """

    def __init__(self, corpus: Path, work: Path) -> None:
        self._clips, self._picture = corpus / "clips", corpus / "image/plain.png"
        self._annotations = corpus / "annotations/table.csv"
        self._intact_store = corpus / "store/features"
        self._work = work
        self._recipe = load_recipe("pocket")
        self._localizer = Localizer.load(self._recipe, model="matching")
        self._query = self._localizer.encode_query(self._picture)

    def read(self, kind: str, path: Path, random: Random) -> None:
        """Reads one broken file or folder, as far as it can be read."""
        reader: Callable[[Path, Random], None] = getattr(self, f"_read_{kind}")
        reader(path, random)

    def _read_video(self, path: Path, random: Random) -> None:
        cut_moments(self._localizer.locate(path, self._query), self._work / "clips")

    def _read_image(self, path: Path, random: Random) -> None:
        self._localizer.encode_query(path)

    def _read_annotations(self, path: Path, random: Random) -> None:
        config = OwnVideosConfig(skip_bad=random.random() < 0.7)
        import_videos(path, self._clips, self._work / "dataset", config)

    def _read_taxonomy(self, path: Path, random: Random) -> None:
        out = self._work / "dataset"
        import_videos(self._annotations, self._clips, out, OwnVideosConfig(), taxonomy=path)

    def _read_manifest(self, path: Path, random: Random) -> None:
        manifest = read_manifest(path)
        read_durations(manifest)
        check_dataset(manifest)

    def _read_predictions(self, path: Path, random: Random) -> None:
        read_predictions(path)

    def _read_checkpoint(self, path: Path, random: Random) -> None:
        localizer = Localizer.load(self._recipe, checkpoint=path, cache=self._intact_store)
        localizer.locate(self._clips / "v0.mp4", self._picture)

    _read_onnx = _read_checkpoint

    def _read_store(self, path: Path, random: Random) -> None:
        store, video = FeatureStore(path), self._clips / "v0.mp4"
        verify(store)
        list_recipes(store)
        key = VideoKey(content=content_hash(video), fingerprint=self._recipe.fingerprint)
        if random.random() < 0.5:
            store.get_window(key, Segment(1.0, 2.5))
        localizer = Localizer.load(self._recipe, model="matching", cache=path)
        localizer.locate(video, self._picture)


def fit_hash(kind: str, folder: Path, broken: Path) -> None:
    """Makes a checkpoint's header fit its broken weights, so that they are looked at."""
    header = folder / "checkpoint.json"
    if kind == "checkpoint" and broken != header:
        values = json.loads(header.read_text())
        values["weights_sha256"] = hashlib.sha256(broken.read_bytes()).hexdigest()
        header.write_text(json.dumps(values))
