from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from stillseek.data.own_videos.queries import Picture, Pictures
from stillseek.data.own_videos.targets import Target
from stillseek.data.sample import Split
from stillseek.data.taxonomy import taxonomy_of_groups

from .conftest import target

SEEDS = range(7)


def write_images(folder: Path, **numbers: int) -> dict[str, tuple[Path, ...]]:
    files = {}
    for label, number in numbers.items():
        (folder / label).mkdir()
        files[label] = tuple(folder / label / f"{place}.png" for place in range(number))
        for file in files[label]:
            Image.new("RGB", (3, 2)).save(file)
    return files


def ask(
    splits: Mapping[Target, Split],
    images: Mapping[str, tuple[Path, ...]],
    *groups: str,
    seed: int = 0,
) -> dict[tuple[str, str], list[Picture]]:
    """All pictures of every target, by its name and kind."""
    similar = taxonomy_of_groups({g: g.split() for g in groups}, where="test") if groups else None
    pictures = Pictures(splits, images=images, similar=similar, seed=seed)
    division = pictures.divide({target.name: split for target, split in splits.items()})
    return {
        (target.name, kind): pictures.draw(target, kind, 99, division)
        for target in splits
        for kind in ("simple", "difficult")
    }


def files_of(asked: dict[tuple[str, str], list[Picture]], *names: str) -> list[str]:
    """Files that ask for targets, sorted."""
    found = {p.image for (name, _), pictures in asked.items() for p in pictures if name in names}
    return sorted(f"{image.parent.name}/{image.name}" for image in found if image is not None)


def test_no_target_and_no_image() -> None:
    pictures = Pictures([], images={}, similar=None, seed=0)

    assert pictures.divide({}).training_files == frozenset()


def test_held_out_classes_are_shown_in_no_training_question(tmp_path: Path) -> None:
    images = write_images(tmp_path, run=3, jump=4, hop=5, swim=2)
    splits: dict[Target, Split] = {
        target(0, "run"): "train",
        target(1, "jump"): "validation",
        target(2, "hop"): "test",
    }

    asked = ask(splits, images, "run jump hop swim")

    training = files_of(asked, "v0#run")
    assert {name.partition("/")[0] for name in training} == {"run"}
    held_out = files_of(asked, "v1#jump", "v2#hop")
    # Odd images of a class that only trains stay with training.
    assert (len(training), len(held_out)) == (2, 3 - 2 + 4 + 5 + 2)
    assert not set(training) & set(held_out)


@pytest.mark.parametrize(("number", "held_out"), [(2, 1), (5, 3), (6, 3)])
def test_images_of_a_class_in_two_splits_are_divided_by_seed(
    number: int, held_out: int, tmp_path: Path
) -> None:
    images = write_images(tmp_path, run=number)
    splits: dict[Target, Split] = {
        target(0, "run"): "train",
        target(1, "run"): "seen",
        target(2, "run"): "test",
    }

    drawn = set()
    for seed in SEEDS:
        asked = ask(splits, images, seed=seed)
        training, seen, test = (files_of(asked, f"v{video}#run") for video in range(3))
        assert not set(training) & {*seen, *test}
        assert (seen, len(test), len(training)) == (test, held_out, number - held_out)
        assert asked == ask(splits, images, seed=seed)
        drawn.add(tuple(training))
    assert len(drawn) > 1


def test_frames_ask_where_no_image_is_left_for_training(tmp_path: Path) -> None:
    images = write_images(tmp_path, run=1)
    first, second, third = (target(video, "run") for video in range(3))

    asked = ask({first: "train", second: "train", third: "test"}, images)

    assert files_of(asked, third.name) == ["run/0.png"]
    (picture,) = asked[first.name, "simple"]
    assert picture.frame_of == second
    assert ask({first: "train", third: "test"}, images)[first.name, "simple"] == []


def test_all_images_go_where_nothing_else_needs_them(tmp_path: Path) -> None:
    images = write_images(tmp_path, run=3, jump=3)

    asked = ask({target(0, "run"): "train", target(1, "jump"): "test"}, images, "run hop")

    assert files_of(asked, "v0#run") == ["run/0.png", "run/1.png", "run/2.png"]
    assert files_of(asked, "v1#jump") == ["jump/0.png", "jump/1.png", "jump/2.png"]


def test_image_of_a_row_asks_in_its_split_only(tmp_path: Path) -> None:
    images = write_images(tmp_path, run=4)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "run", target_is_directory=True)
    zero, one, two = (link / f"{place}.png" for place in range(3))
    splits: dict[Target, Split] = {
        target(0, "run", (zero, one)): "train",
        target(1, "run", (one, two)): "test",
        target(2, "run"): "train",
        target(3, "run"): "test",
    }

    asked = ask(splits, images)

    assert [p.image for p in asked["v0#run", "simple"]] == [zero]
    assert [p.image for p in asked["v1#run", "simple"]] == [one, two]
    assert files_of(asked, "v2#run") == ["run/0.png"]
    assert files_of(asked, "v3#run") == ["run/1.png", "run/2.png", "run/3.png"]
