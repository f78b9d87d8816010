"""The one way from a video and a picture to moments; API, command line and page go through it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from stillseek.errors import UsageError
from stillseek.features import (
    DEFAULT_RECIPE,
    FeatureStore,
    Recipe,
    RecipeOptions,
    VideoFeatures,
    load_recipe,
)
from stillseek.features.recipes.drawn_video import warn_unless_drawn
from stillseek.features.recipes.precision import find_device, recipe_device
from stillseek.features.store.feature_store import as_stored
from stillseek.files import as_path, refuse_url
from stillseek.localize.arguments import (
    check_cache,
    check_choice,
    check_localization,
    check_onnx_precision,
    check_type,
    check_whole,
    checked_boxes,
)
from stillseek.localize.explanation import Explanation, explain
from stillseek.localize.head import (
    EngineName,
    HeadName,
    check_recipe,
    installed_head,
    matching_head,
    read_head,
    recipe_of,
    with_engine,
)
from stillseek.localize.judgement import judge, scored
from stillseek.localize.localization import Localization
from stillseek.localize.query import EncodedQuery, encode
from stillseek.localize.query_image import (
    Box,
    Picture,
    encode_picture,
    query_images,
    refuse_contradiction,
)
from stillseek.localize.ranking import Ranking, search_each
from stillseek.localize.search import SearchMethod, find_moments
from stillseek.localize.unlike import likeness_logits, with_penalty
from stillseek.media.folder import find_videos
from stillseek.models.calibration import calibration_of, penalties
from stillseek.models.catalog import model_name
from stillseek.models.checkpoint import Checkpoint
from stillseek.models.checkpoint_header import max_steps_of
from stillseek.models.decoding import (
    DecodeMethod,
    boundary_probabilities,
    check_decoding,
)
from stillseek.models.evidence import unit
from stillseek.models.inputs import HeadPrecision
from stillseek.models.matching import Matching
from stillseek.models.onnx_session import OnnxCheckpoint, OnnxModel
from stillseek.models.similarity import Similarity
from stillseek.tensors import LocalizerOutput
from stillseek.timeline import ClipGrid, Moment

# No processor has more; the system may refuse so many.
_MOST_THREADS = 4096


class Localizer:
    """Finds where in a video the activity of a query image happens.

    Example:
        >>> localizer = Localizer.load()  # doctest: +SKIP
        >>> found = localizer.locate("match.mp4", "handball.jpg")  # doctest: +SKIP
        >>> found.moments[0].start_seconds  # doctest: +SKIP
        13.5

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
        checkpoint: Checkpoint | OnnxCheckpoint,
        name: str,
        device: torch.device | str = "cpu",
        precision: HeadPrecision = "fp32",
        store: FeatureStore | None = None,
    ) -> None:
        if isinstance(checkpoint, OnnxCheckpoint):
            check_onnx_precision(precision)
        if precision == "bf16" and isinstance(checkpoint.model, Matching | Similarity):
            raise UsageError(
                f"{model_name(checkpoint.model)} compares in fp32 alone; use precision fp32"
            )
        check_recipe(checkpoint, name, recipe.name, recipe.fingerprint)
        self.recipe = recipe
        self.name = name
        self.device = torch.device(device)
        self._precision: HeadPrecision = precision
        self.model = checkpoint.model.to(self.device).eval()
        self._max_steps = max_steps_of(checkpoint.training)
        # What finds places in long videos, and judges presence, where clips and pictures share a
        # space.
        self._matching = matching_head(recipe) if recipe.one_space else None
        self.calibration = self._matching and calibration_of(self._matching.calibration)
        # Calibrated scores are those of the moments that likeness itself finds.
        self._is_calibrated = checkpoint.calibration is not None
        self._store = store

    @classmethod
    def load(
        cls,
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
    ) -> "Localizer":
        """A localizer from what is installed.

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
            engine: What computes the head: ``torch``, or ``onnx`` for ONNX Runtime, on the CPU,
                for which a head that is no exported file is exported first, every time (seconds).
                None is ``onnx`` for an exported file (``.onnx``), else ``torch``. Features are
                made by PyTorch either way.
            device: Where the head and the recipe compute: ``cpu``, ``cuda`` or ``cuda:N``. The
                ``lite`` and ``mobilenet`` recipes stay on the CPU.
            precision: ``bf16`` runs the head's matrix products in bfloat16: faster for large heads
                on processors that have it.
            threads: Processor threads, set for the whole process; None leaves them.
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
        place = find_device(device)
        if threads is not None:
            check_whole("threads", threads)
            if not 1 <= threads <= _MOST_THREADS:
                raise UsageError(
                    f"threads must be at least 1, at most {_MOST_THREADS}, got {threads}"
                )
            torch.set_num_threads(threads)
        if checkpoint is None:
            encoder, _ = _load_recipe(recipe or DEFAULT_RECIPE, recipe_options, device)
            head, name = installed_head(encoder, model), encoder.name
            head, kind = with_engine(head, engine)
        else:
            head, name = read_head(as_path(checkpoint, "checkpoint"))
            if not isinstance(recipe, Recipe):
                recipe, recipe_options = recipe_of(head, checkpoint, recipe, recipe_options)
            head, kind = with_engine(head, engine)
            encoder, loaded_with = _load_recipe(recipe, recipe_options, device)
            check_recipe(head, checkpoint, encoder.name, encoder.fingerprint, loaded_with)
        return cls(
            recipe=encoder,
            checkpoint=head,
            name=f"{kind}:{name}",
            device=place,
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
        likeness, likeness_of_unlike = None, ()
        if self._matching is not None:
            cpu, matching = torch.device("cpu"), self._matching.model
            likeness = encode(matching, features, cpu)
            likeness_of_unlike = tuple(encode(matching, [other], cpu) for other in of_unlike)
        return EncodedQuery(
            images=pictures,
            boxes=parts,
            unlike=others,
            features=features,
            features_of_unlike=of_unlike,
            head=self.model,
            score=encode(self.model, features, self.device, precision=self._precision),
            likeness=likeness,
            likeness_of_unlike=likeness_of_unlike,
        )

    def encode_video(
        self, video: Path, *, on_progress: Callable[[float, float], None] | None = None
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
            f"{self.calibration} {self._is_calibrated}".encode()
        )
        if isinstance(self.model, OnnxModel):
            digest.update(self.model.sha256.encode())
        else:
            for name, value in sorted(self.model.state_dict().items()):
                digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
                digest.update(value.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()

    def locate(
        self,
        video: Path | str,
        images: Picture | Sequence[Picture] | EncodedQuery,
        *,
        boxes: Sequence[Box | None] | None = None,
        unlike: Picture | Sequence[Picture] | None = None,
        top: int = 1,
        decode: DecodeMethod = "joint",
        search: SearchMethod | None = None,
        on_progress: Callable[[float, float], None] | None = None,
    ) -> Localization:
        """Searches one video.

        Several images count as pictures of one activity: what the head scores (starts and ends,
        clips, or segments) is averaged over them, in logs, before moments are chosen.

        Args:
            video: The video file.
            images: One query image or several, as `encode_query` takes them, or what it made of
                them.
            boxes: For each image left, top, width, height in pixels (after EXIF rotation) of the
                part that is meant, at least 8 a side; None is the whole image.
            unlike: Pictures of what the activity is not, as `encode_query` takes them.
            top: Most moments to find; each overlaps a better one by a tIoU of at most 0.3, or not
                at all where the head scores clips, and none lies in another.
            decode: ``joint``: the best pairs with the start before the end. ``independent``: the
                paper's two argmaxes, for heads that score starts and ends only; there is no moment
                where they come out reversed.
            search: How a video of more clips than the head was trained with (200) is searched:
                ``refined`` finds the clips that look like the picture, then looks closer at those
                places, in the order of their likeness, which then is the moments' score (a place
                where the head sees nothing stays as likeness found it); ``exhaustive`` looks at
                every window of so many, by scores that compare badly from window to window;
                ``pooled`` once at the whole video, downsampled to so many steps (section 6.1), each
                the mean of its clips. None is ``refined``, or ``pooled`` with ``independent``
                decoding, which has no other.
            on_progress: Called with the seconds of video read and the seconds in total.

        Raises:
            UsageError: An argument is of the wrong type; there is no image, not one box an image,
                or a box outside its image; or the head has no such decoding, or not for so many
                moments.
            MediaError: The video or an image cannot be read.
        """
        check_type("video", video, str | Path, "a path")
        video = as_path(video, "video")
        refuse_url(video, "video")
        # Requests and pictures first: what is wrong must not cost the time of reading the video.
        search = self._checked_request(top, decode, search, on_progress)
        query = self._query(images, boxes, unlike)
        features = self.encode_video(video, on_progress=on_progress)
        return self.locate_features(
            features, query, video=video, top=top, decode=decode, search=search
        )

    def locate_features(
        self,
        features: VideoFeatures,
        query: EncodedQuery,
        *,
        video: Path,
        top: int = 1,
        decode: DecodeMethod = "joint",
        search: SearchMethod | None = None,
    ) -> Localization:
        """Searches one video whose features are there; the file is not read.

        Args:
            features: Of the localizer's recipe.
            query: The pictures.
            video: The file that the result names.
            top: As for `locate`.
            decode: As for `locate`.
            search: As for `locate`.

        Raises:
            UsageError: The features are of another recipe, or as for `locate`.
        """
        if features.fingerprint != self.recipe.fingerprint:
            raise UsageError(
                f"the features of {video} have recipe fingerprint {features.fingerprint[:16]}, and "
                f"this localizer has {self.recipe.fingerprint[:16]}; extract them with its recipe"
            )
        search = self._checked_request(top, decode, search, None)
        query = self._query(query, None, None)
        clips, grid = features.clips.astype(np.float32), features.grid
        judgement = None
        if query.likeness is not None:
            judgement = judge(
                query.likeness, clips, grid, self.calibration, unlike=query.likeness_of_unlike
            )
        certainty = judgement and judgement.clip_logits
        output, moments = self._find(
            query, clips, grid, certainty, search=search, method=decode, top=top
        )
        starts, ends = boundary_probabilities(output)
        long = len(clips) > self._max_steps
        placed = (
            long
            and search == "refined"
            and query.likeness is not None
            and (output.clip_logits is None or not (certainty is None or self._is_calibrated))
        )
        steps = replace(grid, max_steps=self._max_steps)
        return Localization(
            video=video,
            images=query.images,
            boxes=query.boxes,
            unlike=query.unlike,
            recipe=self.recipe.name,
            fingerprint=self.recipe.fingerprint,
            model=f"{self.name}, places by matching" if placed else self.name,
            duration_seconds=grid.duration_seconds,
            presence=judgement and judgement.presence,
            threshold=self.calibration and self.calibration.threshold,
            uncalibrated=self._why_uncalibrated(),
            similarity=judgement and judgement.similarity,
            moments=scored(
                moments,
                grid,
                judgement.clip_logits if judgement and self._is_calibrated else None,
                self.calibration,
            ),
            steps=tuple(steps.span(step) for step in range(steps.num_steps)),
            start_probabilities=starts[0].numpy(),
            end_probabilities=ends[0].numpy(),
            looked_closer=long and search != "pooled",
            centre=self._centre(clips),
        )

    def explain(self, found: Localization) -> Explanation:
        """What of the query images was seen where, in the frames of the best moment.

        Args:
            found: What this localizer found; the video and images are read again.

        Raises:
            UsageError: It is no result, another recipe found it, or its regions do not compare
                with frames.
            MediaError: The video or an image can no longer be read.
        """
        check_localization("found", found)
        return explain(self.recipe, found)

    def _centre(
        self, clips: Float[np.ndarray, "clip clip_dim"]
    ) -> Float[np.ndarray, " clip_dim"] | None:
        if self._matching is None:
            return None
        assert isinstance(self._matching.model, Matching)
        every = unit(torch.from_numpy(clips)[None])
        return self._matching.model.centre(every, every.abs().amax(dim=-1) > 0)[0, 0].numpy()

    def locate_many(
        self,
        videos: Path | str | Sequence[Path | str],
        images: Picture | Sequence[Picture] | EncodedQuery,
        *,
        boxes: Sequence[Box | None] | None = None,
        unlike: Picture | Sequence[Picture] | None = None,
        top: int = 1,
        decode: DecodeMethod = "joint",
        search: SearchMethod | None = None,
        on_progress: Callable[[float, float], None] | None = None,
    ) -> Ranking:
        """Searches many videos, and says which show the activity, best first.

        A video that cannot be read is told of in the result, and passed over. With a ``cache``, a
        search that was stopped goes on where it was when it is started again.

        Args:
            videos: Video files, and folders that are searched for them.
            images: As for `locate`; they are read once.
            boxes: As for `locate`.
            unlike: As for `locate`.
            top: Most moments to find in each video.
            decode: As for `locate`.
            search: As for `locate`.
            on_progress: Called with the bytes of the files that are done, and of all.

        Raises:
            UsageError: As for `locate`; or a folder has no video in it, or has the cache in it.
            MediaError: An image cannot be read.
            FeatureError: The cache cannot be written.
        """
        check_type("videos", videos, str | Path | Sequence, "a path, or a sequence of paths")
        places = [videos] if isinstance(videos, str | Path) else list(videos)
        for place, video in enumerate(places):
            check_type(f"videos[{place}]", video, str | Path, "a path")
        self._checked_request(top, decode, search, on_progress)
        places = [as_path(place, f"videos[{number}]") for number, place in enumerate(places)]
        if self._store is not None and isinstance(self._store.root, Path):
            check_cache(self._store.root, places)
        files = find_videos(places)
        if not files:
            raise UsageError("there is no video to search; give files or folders")
        query = self._query(images, boxes, unlike)

        def locate(video: Path, advance: Callable[[float, float], None]) -> Localization:
            return self.locate(
                video, query, top=top, decode=decode, search=search, on_progress=advance
            )

        return search_each(files, locate, on_progress)

    def _checked_request(
        self, top: int, decode: DecodeMethod, search: SearchMethod | None, on_progress: object
    ) -> SearchMethod:
        """How to search, where that was left open."""
        check_whole("top", top)
        if on_progress is not None:
            check_type("on_progress", on_progress, Callable, "a function")
        check_decoding(self.model.decode_methods, decode, top=top)
        check_choice("search", search, SearchMethod)
        if search is None:
            return "pooled" if decode == "independent" else "refined"
        if decode == "independent" and search != "pooled":
            raise UsageError(
                f"'independent' decoding looks at the whole video once; leave out search {search!r}"
            )
        return search

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

    def _find(
        self,
        query: EncodedQuery,
        clips: Float[np.ndarray, "clip clip_dim"],
        grid: ClipGrid,
        certainty: Float[np.ndarray, " clip"] | None,
        *,
        search: SearchMethod,
        method: DecodeMethod,
        top: int,
    ) -> tuple[LocalizerOutput, tuple[Moment, ...]]:
        """What the head says to the whole video, and the moments."""
        score, likeness = query.score, query.likeness
        if likeness is not None and query.unlike:
            like = likeness_logits(likeness, clips)
            unlike = [likeness_logits(each, clips) for each in query.likeness_of_unlike]
            penalty = penalties(like, unlike).astype(np.float32)
            clips = np.concatenate((clips, penalty[:, None]), axis=1)
            score, likeness = with_penalty(score), with_penalty(likeness)
        return find_moments(
            score,
            clips,
            grid,
            similar=likeness,
            certainty=certainty,
            search=search,
            method=method,
            top=top,
            max_steps=self._max_steps,
        )

    def _why_uncalibrated(self) -> str | None:
        if self.calibration is None:
            return f"recipe {self.recipe.name} has no calibration; recipe lite has one"
        if not self._is_calibrated:
            return f"head {self.name} has no calibration, so its moments have no scores"
        return None


def _load_recipe(
    recipe: str | Recipe, options: RecipeOptions | None, device: str
) -> tuple[Recipe, RecipeOptions | None]:
    """The recipe, and how it was loaded by its name, where it was."""
    if isinstance(recipe, Recipe):
        if options is not None:
            raise UsageError(
                f"recipe {recipe.name!r} is loaded already; leave its options out, or give its name"
            )
        return recipe, None
    options = options or RecipeOptions()
    if options.device not in ("cpu", device):
        raise UsageError(
            f"the options place the recipe on {options.device!r}, the device is {device!r}; give "
            "one device for recipe and head, or a recipe that is loaded already"
        )
    options = replace(options, device=recipe_device(recipe, device))
    return load_recipe(recipe, options), options
