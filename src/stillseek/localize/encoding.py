"""A recipe and a head: loaded, and what they make of pictures and of videos."""

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stillseek.errors import UsageError
from stillseek.features import (
    DEFAULT_RECIPE,
    FeatureStore,
    QueryFeatures,
    Recipe,
    RecipeOptions,
    VideoFeatures,
)
from stillseek.features.recipes.looks_drawn import warn_unless_drawn
from stillseek.features.store.feature_store import as_stored
from stillseek.features.threads import set_threads
from stillseek.files import as_path
from stillseek.localize.arguments import (
    check_bf16,
    check_cache,
    check_choice,
    check_onnx_precision,
    check_type,
    check_whole,
    checked_boxes,
)
from stillseek.localize.head import (
    EngineName,
    HeadName,
    check_recipe,
    exported_head,
    installed_head,
    likeness_head,
    load_for_head,
    matching_head,
    read_head,
    recipe_of,
    with_engine,
)
from stillseek.localize.query import EncodedQuery, encode
from stillseek.localize.query_image import (
    Box,
    Picture,
    encode_picture,
    query_images,
    refuse_contradiction,
)
from stillseek.models.calibration import calibration_of
from stillseek.models.checkpoint_header import COMPARING, max_steps_of
from stillseek.models.onnx_session import OnnxCheckpoint, OnnxModel
from stillseek.scores import HeadPrecision

if TYPE_CHECKING:
    from stillseek.models.checkpoint import Checkpoint

_Encoder = TypeVar("_Encoder", bound="Encoder")

# No processor has more; the system may refuse so many.
_MOST_THREADS = 4096


class Encoder:
    """What a recipe and a head make of pictures and videos, each read once.

    Args:
        recipe: How pixels become features.
        checkpoint: Head for features of this recipe: any model.
        name: What the head is called in results.
        device: Where the head runs; features are made where the recipe is.
        precision: Of the head's matrix products.
        store: Where features are kept and looked up; None computes them every time.

    Attributes:
        model: The head.

    Raises:
        CheckpointError: The head needs features of another recipe.
        UsageError: The head does not run on the device, or not in the precision.
    """

    def __init__(
        self,
        *,
        recipe: Recipe,
        checkpoint: "Checkpoint | OnnxCheckpoint",
        name: str,
        device: str = "cpu",
        precision: HeadPrecision = "fp32",
        store: FeatureStore | None = None,
    ) -> None:
        if isinstance(checkpoint, OnnxCheckpoint):
            check_onnx_precision(precision)
        elif precision == "bf16":
            check_bf16(checkpoint.model)
        check_recipe(checkpoint, name, recipe.name, recipe.fingerprint)
        self.recipe = recipe
        self.name = name
        self.device = str(device)
        self._precision: HeadPrecision = precision
        self.model = checkpoint.model.to(self.device).eval()
        self._max_steps = max_steps_of(checkpoint.training)
        # What finds places in long videos, and judges presence, where clips and pictures share a
        # space.
        self._matching = None
        if recipe.one_space:
            is_exported = isinstance(checkpoint, OnnxCheckpoint)
            self._matching = (likeness_head if is_exported else matching_head)(recipe)
        self.calibration = self._matching and calibration_of(self._matching.calibration)
        # Calibrated scores are those of the moments that likeness itself finds.
        self._is_calibrated = checkpoint.calibration is not None
        self._compares = with_engine(checkpoint, None)[1] in COMPARING
        self._store = store

    @classmethod
    def load(
        cls: type[_Encoder],
        recipe: str | Recipe | None = None,
        *,
        recipe_options: RecipeOptions | None = None,
        checkpoint: Path | str | None = None,
        model: HeadName | None = None,
        engine: EngineName | None = None,
        device: str = "cpu",
        precision: HeadPrecision = "fp32",
        threads: int | None = None,
        cache: Path | str | None = None,
    ) -> _Encoder:
        """One from what is installed.

        Args:
            recipe: Name of the recipe, or a recipe, which stays on the device that it is on; None
                takes that of the checkpoint, or lite, the default.
            recipe_options: How the recipe of a name is loaded, on ``device``; what is left at its
                default is taken from the checkpoint, if it is for this recipe.
            checkpoint: Folder of a trained head, of any model, or of the training run that made
                it, or a file of ``stillseek export``.
            model: Which head to take where no checkpoint is given: ``matching`` compares clips
                and picture without training, ``similarity`` corrects it, for any recipe that can
                compare, and ``sail`` is shipped for ``pocket``. None takes the one shipped for
                the recipe, and matching where none is.
            engine: What computes the head: ``torch``, or ``onnx`` for ONNX Runtime, on the CPU in
                fp32, for which a head that is no exported file is exported first, every time
                (seconds). None is ``onnx`` for an exported file (``.onnx``) and for heads that are
                shipped as one (those of ``lite``: PyTorch is not even imported), else ``torch``.
            device: Where the head and the recipe compute: ``cpu``, ``cuda`` or ``cuda:N``. The
                ``lite`` and ``mobilenet`` recipes stay on the CPU.
            precision: ``bf16`` runs the head's matrix products in bfloat16: faster for large heads
                on processors that have it.
            threads: Processor threads of what is opened from now on, in this process and in those
                that it starts; None leaves them.
            cache: Folder of a feature store, where features are kept for the next time.

        Raises:
            UsageError: The recipe, the device or the number of threads does not exist, both
                ``checkpoint`` and ``model`` are given, the recipe cannot use one of its options,
                matching does not fit the recipe, the engine cannot run the head, or the cache
                cannot be written or lies in a folder that is read.
            FeatureError: The recipe's weights are missing.
            CheckpointError: The head is missing, corrupt, or of another recipe.
            InstallationError: The engine is not installed.
        """
        check_type("recipe", recipe, str | Recipe | None, "a name or a recipe")
        check_type("recipe_options", recipe_options, RecipeOptions | None, "RecipeOptions")
        check_type("checkpoint", checkpoint, Path | str | None, "a path")
        check_type("cache", cache, Path | str | None, "a path")
        check_type("device", device, str, "a name, such as cpu or cuda")
        if cache is not None:
            options = recipe_options or RecipeOptions()
            read = (checkpoint, options.weights, options.detector, options.reduction)
            check_cache(as_path(cache, "cache"), [Path(path) for path in read if path is not None])
        if checkpoint is not None and model is not None:
            raise UsageError(
                f"a checkpoint ({checkpoint}) and a model ({model}) were given; give one of them"
            )
        check_choice("model", model, HeadName)
        check_choice("engine", engine, EngineName)
        check_choice("precision", precision, HeadPrecision)
        if engine == "onnx":
            check_onnx_precision(precision)
        if device != "cpu":
            from stillseek.features.recipes.precision import find_device

            device = str(find_device(device))
        if threads is not None:
            check_whole("threads", threads)
            if not 1 <= threads <= _MOST_THREADS:
                raise UsageError(
                    f"threads must be at least 1, at most {_MOST_THREADS}, got {threads}"
                )
            set_threads(threads)
        if checkpoint is None:
            encoder, _ = load_for_head(recipe or DEFAULT_RECIPE, recipe_options, device)
            head, name = None, encoder.name
            if engine != "torch" and (device.partition(":")[0], precision) == ("cpu", "fp32"):
                head = exported_head(encoder, model)
            head, kind = with_engine(head or installed_head(encoder, model), engine)
        else:
            head, name = read_head(as_path(checkpoint, "checkpoint"))
            if not isinstance(recipe, Recipe):
                recipe, recipe_options = recipe_of(head, checkpoint, recipe, recipe_options)
            head, kind = with_engine(head, engine)
            encoder, loaded_with = load_for_head(recipe, recipe_options, device)
            check_recipe(head, checkpoint, encoder.name, encoder.fingerprint, loaded_with)
        return cls(
            recipe=encoder,
            checkpoint=head,
            name=f"{kind}:{name}",
            device=device,
            precision=precision,
            store=None if cache is None else FeatureStore(Path(cache)),
        )

    def encode_query(
        self,
        images: Picture | Sequence[Picture],
        *,
        boxes: Sequence[Box | None] | None = None,
        unlike: Picture | Sequence[Picture] | None = None,
    ) -> EncodedQuery:
        """Reads the query images once, for searches in many videos.

        Args:
            images: One query image or several: each a path, a `VideoFrame`, the bytes of an encoded
                picture, an image of Pillow, or an array (height, width, 3) of uint8, RGB.
            boxes: For each image left, top, width, height in pixels (after EXIF rotation) of the
                part that is meant, at least 8 a side; None is the whole image.
            unlike: Pictures of what the activity is not, one or several: clips that are more like
                one of them than like the query are pushed down.

        Raises:
            UsageError: There is no image, one is of no such kind, not one box an image, a box
                outside its image, or a frame outside its video; a picture of ``unlike`` is one of
                the images, or the recipe encodes clips and pictures with different networks.
            MediaError: An image cannot be read.
            UnusableFeaturesError: An image shows nothing.
        """
        pictures = query_images(images)
        parts = checked_boxes(boxes, len(pictures))
        others = () if unlike is None else query_images(unlike, "unlike")
        if others and self._matching is None:
            raise UsageError(
                f"recipe {self.recipe.name!r} encodes clips and pictures with different networks, "
                "so clips cannot be compared with what the activity is not; leave that out "
                "(--not, unlike), or use another recipe, such as lite"
            )
        refuse_contradiction(pictures, parts, others)
        features = tuple(
            encode_picture(self.recipe, pictures, place, "images", box=box, store=self._store)
            for place, box in enumerate(parts)
        )
        of_unlike = tuple(
            encode_picture(self.recipe, others, place, "unlike", store=self._store)
            for place in range(len(others))
        )
        together = QueryFeatures.as_one(QueryFeatures.distinct(features))
        likeness, likeness_of_unlike = None, ()
        if self._matching is not None:
            matching = self._matching.model
            likeness = encode(matching, [together], "cpu")
            likeness_of_unlike = tuple(encode(matching, [other], "cpu") for other in of_unlike)
        return EncodedQuery(
            images=pictures,
            boxes=parts,
            unlike=others,
            features=features,
            features_of_unlike=of_unlike,
            head=self.model,
            score=encode(
                self.model,
                [together] if self._compares else features,
                self.device,
                precision=self._precision,
            ),
            likeness=likeness,
            likeness_of_unlike=likeness_of_unlike,
        )

    def encode_video(
        self, video: Path | str, *, on_progress: Callable[[float, float], None] | None = None
    ) -> VideoFeatures:
        """Reads a video once, for searches with many queries by `locate_features`.

        Args:
            video: The video file.
            on_progress: Called with the seconds of video read and the seconds in total.

        Raises:
            MediaError: The video cannot be read.
            UnusableFeaturesError: It shows nothing.
            FeatureError: The cache cannot be written.
        """
        video = as_path(video, "video")
        if self._store is not None:
            features = self._store.get_or_encode(self.recipe, video, on_progress=on_progress)
        else:
            # As a cache keeps them, so that one changes no answer.
            encoded = self.recipe.encode_video(video, on_progress=on_progress)
            features = as_stored(encoded, video.name)
        if self.recipe.drawn_only:
            warn_unless_drawn(video, features.grid.duration_seconds)
        return features

    def fingerprint(self) -> str:
        """Hash of what decides an answer beside the video, the pictures and the request.

        That is the recipe, the head with its weights, the calibration and this release: the same
        request of localizers with one fingerprint has one answer.
        """
        digest = hashlib.sha256(
            f"{version('stillseek')} {self.recipe.fingerprint} {self.name} {self._precision} "
            f"{self.calibration} {self._is_calibrated} {self._max_steps}".encode()
        )
        if isinstance(self.model, OnnxModel):
            digest.update(self.model.sha256.encode())
        else:
            digest.update(repr(self.model.config).encode())
            for name, value in sorted(self.model.state_dict().items()):
                digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
                digest.update(value.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()

    def _query(
        self,
        images: Picture | Sequence[Picture] | EncodedQuery,
        boxes: Sequence[Box | None] | None,
        unlike: Picture | Sequence[Picture] | None,
    ) -> EncodedQuery:
        if not isinstance(images, EncodedQuery):
            return self.encode_query(images, boxes=boxes, unlike=unlike)
        if boxes is None and unlike is None and images.head is self.model:
            return images
        raise UsageError(
            "an encoded query keeps its boxes, its unlike pictures and its localizer; encode the "
            "images again with this localizer, and give these there"
        )
