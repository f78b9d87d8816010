"""The one way from a video and a picture to moments; API, command line and page go through it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from stillseek.errors import UsageError
from stillseek.features import QueryFeatures, VideoFeatures
from stillseek.files import as_path, refuse_url
from stillseek.localize.arguments import check_cache, check_localization, check_type
from stillseek.localize.encoding import Encoder
from stillseek.localize.explanation import Explanation, centre_of, explain
from stillseek.localize.judgement import judge, scored
from stillseek.localize.localization import Localization
from stillseek.localize.query import EncodedQuery
from stillseek.localize.query_image import Box, Picture
from stillseek.localize.ranking import Ranking, search_each
from stillseek.localize.unlike import likeness_logits, with_penalty
from stillseek.localize.window_search import SearchMethod, checked_search, find_moments
from stillseek.media.folder import find_videos
from stillseek.models.calibration import penalties
from stillseek.models.decoding import DecodeMethod, boundary_probabilities
from stillseek.scores import Scores
from stillseek.timeline import ClipGrid, Moment


class Localizer(Encoder):
    """Finds where in a video the activity of a query image happens.

    Example:
        >>> localizer = Localizer.load()  # doctest: +SKIP
        >>> found = localizer.locate("match.mp4", "handball.jpg")  # doctest: +SKIP
        >>> found.moments[0].start_seconds  # doctest: +SKIP
        13.5

    Made as its base is, by `load` or from a recipe and a head.
    """

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

        Several images count as pictures of one activity: a head that compares pictures with clips
        takes them as one (`QueryFeatures.as_one`); what others score (starts and ends, clips, or
        segments) is averaged over them, in logs, before moments are chosen.

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
        search = checked_search(self.model.decode_methods, top, decode, search, on_progress)
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
        search = checked_search(self.model.decode_methods, top, decode, search, None)
        query = self._query(query, None, None)
        clips, grid = features.clips.astype(np.float32), features.grid
        judgement = None
        if query.likeness is not None:
            judgement = judge(
                query.likeness,
                clips,
                grid,
                self.calibration,
                num_pictures=len(QueryFeatures.distinct(query.features)),
                unlike=query.likeness_of_unlike,
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
            start_probabilities=starts[0],
            end_probabilities=ends[0],
            looked_closer=long and search != "pooled",
            centre=None
            if self._matching is None
            else centre_of(clips, self._matching.model.config.centring),
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
        checked_search(self.model.decode_methods, top, decode, search, on_progress)
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
    ) -> tuple[Scores, tuple[Moment, ...]]:
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
