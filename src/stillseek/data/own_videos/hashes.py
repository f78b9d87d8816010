"""What a data set of own videos was made of, as hashes for its header."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from stillseek.data.manifest import settings_sha256
from stillseek.data.own_videos.annotated_files import relative_path
from stillseek.data.own_videos.targets import Target


def input_hashes(
    annotations: Path,
    taxonomy: Path | None,
    targets: Sequence[Target],
    label_images: Mapping[str, Sequence[Path]],
) -> dict[str, str | None]:
    """Hashes of everything beside the settings that decides the samples.

    They do not depend on where the files lie. Of the videos, names and lengths count: their
    frames decide no sample.

    Args:
        annotations: File of the annotations.
        taxonomy: File of similar classes.
        targets: What the annotations ask for; gives the videos, and the images of rows.
        label_images: Images of whole classes.
    """
    of_rows = {image for target in targets for image in target.images}
    images = {
        "labels": {
            label: {file.name: _sha256(file) for file in files}
            for label, files in label_images.items()
        },
        "rows": {relative_path(image, annotations.parent): _sha256(image) for image in of_rows},
    }
    return {
        "annotations_sha256": _sha256(annotations),
        "taxonomy_sha256": None if taxonomy is None else _sha256(taxonomy),
        "images_sha256": settings_sha256(images),
        "video_lengths_sha256": settings_sha256(
            {target.video_id: target.duration_seconds for target in targets}
        ),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
