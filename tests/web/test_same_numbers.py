"""The same request has the same answer in REST, on the command line and in Python."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stillseek.cli.app import main
from stillseek.localize import Localizer, VideoFrame

NAMES = ("video", "image", "unlike", "source", "uncalibrated", "model")


@pytest.fixture
def checkpoint(recipe, tmp_path: Path) -> Path:
    """Matching, as a head that the command line can be given."""
    from stillseek.localize.head import installed_head
    from stillseek.models.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "head", installed_head(recipe, "matching"))
    return tmp_path / "head"


@pytest.fixture(autouse=True)
def use_recipe(monkeypatch: pytest.MonkeyPatch, recipe) -> None:
    for module in ("stillseek.features", "stillseek.localize.head"):
        monkeypatch.setattr(f"{module}.load_recipe", lambda name, options=None: recipe)


def numbers(result: dict) -> dict:
    return {name: value for name, value in result.items() if name not in NAMES}


def printed(capsys, *words: str) -> dict:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("has_cache", [False, True])
def test_numbers_of_a_search_in_a_video(
    running, recipe, checkpoint: Path, media: Path, tmp_path: Path, capsys, has_cache: bool
) -> None:
    video, query = media / "match.mp4", media / "query.png"
    cache = tmp_path / "cache" if has_cache else None

    job = running.submit(
        kind="locate",
        video="folder:media/match.mp4",
        queries=[
            {"source": "folder:media/query.png", "box": [3, 5, 11, 13]},
            {"source": "folder:media/more/long.mp4", "seconds": 2.5},
            {"source": "folder:media/other.png", "is_unlike": True},
        ],
        top=3,
    )
    from_rest = running.result(job)

    words = ["locate", str(video), "--image", str(query), "--box", "3,5,11,13"]
    words += ["--frame", f"{media / 'more' / 'long.mp4'}@2.5", "--not", str(media / "other.png")]
    words += ["--top", "3", "--checkpoint", str(checkpoint)]
    from_cli = printed(capsys, *words, *(["--cache", str(cache)] if cache else []))
    found = Localizer.load(recipe, model="matching", cache=cache).locate(
        video,
        [query, VideoFrame(media / "more" / "long.mp4", 2.5)],
        boxes=[(3, 5, 11, 13), None],
        unlike=media / "other.png",
        top=3,
    )
    assert from_rest["moments"]
    assert numbers(from_rest) == numbers(from_cli) == numbers(found.to_json_dict())


def test_numbers_of_a_search_in_a_library(
    start: Callable, recipe, media: Path, tmp_path: Path, capsys, monkeypatch
) -> None:
    from stillseek.library import Library

    running = start(library=tmp_path / "library")
    running.result(running.submit(kind="add", folder="media"))

    query = [{"source": "folder:media/query.png"}]
    from_rest = running.result(running.submit(kind="search", queries=query))

    localizer = Localizer.load(recipe, model="matching")
    library = Library.open(tmp_path / "library", recipe=recipe)
    found = library.search(media / "query.png", localizer=localizer).to_json_dict()
    words = ["library", "search", str(tmp_path / "library"), "--image", str(media / "query.png")]
    monkeypatch.setattr("stillseek.library.searching.load_recipe", lambda name, options: recipe)
    from_cli = printed(capsys, *words, "--model", "matching")
    assert len(from_rest["results"]) == 2
    assert from_rest["ranked_by"] == from_cli["ranked_by"] == found["ranked_by"]
    rest, cli, python = (
        [numbers(row) for row in each["results"]] for each in (from_rest, from_cli, found)
    )
    assert rest == cli == python
