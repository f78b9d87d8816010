"""The one way from a video and a picture to moments; API, command line and page go through it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import torch
from torch import Tensor

from stillseek.data.example import MAX_STEPS, pool_steps
from stillseek.errors import CheckpointError, UsageError
from stillseek.features import FeatureStore, QueryFeatures, Recipe, load_recipe
from stillseek.localize.localization import Localization
from stillseek.media import read_image
from stillseek.models.checkpoint import Checkpoint, load_checkpoint
from stillseek.models.decoding import DecodeMethod, decode
from stillseek.tensors import LocalizerInput, LocalizerOutput
from stillseek.timeline import ClipGrid, Moment

Box = tuple[int, int, int, int]


class Localizer:
    """Finds where in a video the activity of a query image happens.

    Example:
        >>> localizer = Localizer.load("pocket")  # doctest: +SKIP
        >>> found = localizer.locate("match.mp4", "handball.jpg")  # doctest: +SKIP
        >>> found.moments[0].start_seconds  # doctest: +SKIP
        13.5

    Args:
        recipe: How pixels become features.
        checkpoint: Head that was trained on features of this recipe.
        name: What the head is called in results.
        device: Where the head runs; features are made where the recipe lives.
        store: Where features are kept and looked up; None computes them every time.

    Raises:
        CheckpointError: The head needs features of another recipe.
    """

    def __init__(
        self,
        *,
        recipe: Recipe,
        checkpoint: Checkpoint,
        name: str,
        device: torch.device | str = "cpu",
        store: FeatureStore | None = None,
    ) -> None:
        if checkpoint.recipe_fingerprint != recipe.fingerprint:
            raise CheckpointError(
                f"head {name!r} was trained on features of recipe {checkpoint.recipe_name!r} with "
                f"fingerprint {checkpoint.recipe_fingerprint[:16]}, not of {recipe.name!r} with "
                f"{recipe.fingerprint[:16]}; use that recipe, or train a head on this one"
            )
        self.recipe = recipe
        self.name = name
        self.device = torch.device(device)
        self._model = checkpoint.model.to(self.device).eval()
        self._store = store

    @classmethod
    def load(
        cls,
        recipe: str = "pocket",
        *,
        checkpoint: Path | str | None = None,
        device: str = "cpu",
        threads: int | None = None,
        cache: Path | str | None = None,
    ) -> "Localizer":
        """A localizer from what is installed.

        Args:
            recipe: Name of the recipe.
            checkpoint: Folder of a trained head; None takes the head shipped for the recipe.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
            threads: Processor threads, set for the whole process; None leaves them.
            cache: Folder of a feature store, where features are kept for the next time.

        Raises:
            UsageError: The recipe, the device or the number of threads does not exist.
            FeatureError: The recipe's weights are missing.
            CheckpointError: The head is missing, corrupt, or of another recipe.
        """
        place = _device(device)
        if threads is not None:
            if threads < 1:
                raise UsageError(f"threads must be at least 1, got {threads}")
            torch.set_num_threads(threads)
        encoder = load_recipe(recipe)
        if checkpoint is None:
            head, name = _shipped_head(encoder), recipe
        else:
            folder = Path(checkpoint)
            head = load_checkpoint(folder, recipe_fingerprint=encoder.fingerprint)
            name = folder.resolve().name
        return cls(
            recipe=encoder,
            checkpoint=head,
            name=f"sail:{name}",
            device=place,
            store=None if cache is None else FeatureStore(Path(cache)),
        )

    def locate(
        self,
        video: Path | str,
        images: Path | str | Sequence[Path | str],
        *,
        boxes: Sequence[Box | None] | None = None,
        decode: DecodeMethod = "joint",
        on_progress: Callable[[float, float], None] | None = None,
    ) -> Localization:
        """Searches one video.

        Several images count as pictures of one activity: their log-probabilities of start and of
        end are averaged, step by step, before a pair is chosen. A video of more than 200 clips is
        downsampled to 200 steps (section 6.1), each the mean of its clips.

        Args:
            video: The video file.
            images: One query image or several.
            boxes: For each image left, top, width, height in pixels (after EXIF rotation) of the
                part that is meant; None is the whole image.
            decode: ``joint``: the best pair with the start before the end. ``independent``: the
                paper's two argmaxes; there is no moment where they come out reversed.
            on_progress: Called with the seconds of video read and the seconds in total.

        Raises:
            UsageError: There is no image, not one box an image, or a box outside its image.
            MediaError: The video or an image cannot be read.
        """
        video = Path(video)
        paths = [Path(images)] if isinstance(images, Path | str) else [Path(p) for p in images]
        if not paths:
            raise UsageError("a search needs at least one query image, got none")
        if boxes is not None and len(boxes) != len(paths):
            raise UsageError(f"got {len(boxes)} boxes for {len(paths)} images; give one each")
        parts = tuple(boxes) if boxes is not None else (None,) * len(paths)
        # Pictures first: a wrong path or box must not cost the time of reading the video.
        queries = [self._encode_query(path, box) for path, box in zip(paths, parts, strict=True)]
        clips, grid = self._encode_video(video, on_progress)
        output = self._score(clips, queries)
        return Localization(
            video=video,
            images=tuple(paths),
            boxes=parts,
            recipe=self.recipe.name,
            fingerprint=self.recipe.fingerprint,
            model=self.name,
            duration_seconds=grid.duration_seconds,
            presence=None,
            moments=_moments(output, grid, decode),
            steps=tuple(grid.span(step) for step in range(grid.num_steps)),
            start_probabilities=output.start_logits[0].exp().numpy(),
            end_probabilities=output.end_logits[0].exp().numpy(),
        )

    def _encode_query(self, path: Path, box: Box | None) -> QueryFeatures:
        if self._store is not None:
            return self._store.get_or_encode_query(self.recipe, path, box=box)
        return self.recipe.encode_image(read_image(path), box=box)

    def _encode_video(
        self, path: Path, on_progress: Callable[[float, float], None] | None
    ) -> tuple[Tensor, ClipGrid]:
        if self._store is not None:
            features = self._store.get_or_encode(self.recipe, path, on_progress=on_progress)
        else:
            features = self.recipe.encode_video(path, on_progress=on_progress)
        grid = replace(features.grid, max_steps=MAX_STEPS)
        return torch.from_numpy(pool_steps(features.clips, grid)), grid

    def _score(self, clips: Tensor, queries: Sequence[QueryFeatures]) -> LocalizerOutput:
        """Log-probabilities averaged over the queries and normalised again, on the CPU."""
        with torch.inference_mode():
            outputs = [self._model(self._inputs(clips, query)) for query in queries]
            start, end = (
                torch.stack([logits.cpu().float().log_softmax(dim=1) for logits in scores])
                .mean(dim=0)
                .log_softmax(dim=1)
                for scores in (
                    [output.start_logits for output in outputs],
                    [output.end_logits for output in outputs],
                )
            )
        return LocalizerOutput(start_logits=start, end_logits=end)

    def _inputs(self, clips: Tensor, query: QueryFeatures) -> LocalizerInput:
        inputs = LocalizerInput(
            clips=clips[None],
            clip_mask=torch.ones(1, len(clips), dtype=torch.bool),
            regions=torch.from_numpy(query.regions)[None],
            boxes=torch.from_numpy(query.boxes)[None],
            region_mask=torch.ones(1, len(query.regions), dtype=torch.bool),
            global_feature=torch.from_numpy(query.global_feature)[None],
        )
        return inputs.to(self.device)


def _moments(output: LocalizerOutput, grid: ClipGrid, method: DecodeMethod) -> tuple[Moment, ...]:
    """The decoded pair in seconds; none where independent decoding reversed it."""
    pair = decode(output, method=method)
    first, last = int(pair.start_step[0]), int(pair.end_step[0])
    if last < first:
        return ()
    segment = grid.segment(first, last)
    return (Moment(segment.start_seconds, segment.end_seconds, float(pair.score[0])),)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"there is no device {name!r}; use cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"device {name!r} is not here ({torch.cuda.device_count()} CUDA devices found); use "
            "cpu, or see stillseek doctor"
        )
    return device


def _shipped_head(recipe: Recipe) -> Checkpoint:
    with as_file(files("stillseek.localize") / "heads" / recipe.name) as folder:
        if not folder.is_dir():
            raise CheckpointError(
                f"no head is shipped for recipe {recipe.name!r}; train one with stillseek train "
                "and give its folder as checkpoint (--checkpoint)"
            )
        return load_checkpoint(folder, recipe_fingerprint=recipe.fingerprint)
