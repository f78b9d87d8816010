import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from stillseek.errors import UsageError
from stillseek.localize import Localizer, report
from stillseek.localize.pair_table import Pair
from stillseek.localize.search_pairs import features_of, search_pairs


@pytest.fixture(autouse=True)
def plain_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames and clips are slow, and not made here."""
    monkeypatch.setattr(report, "frames_of", lambda *_: [])
    monkeypatch.setattr(report, "clip_uri", lambda *_: "data:video/mp4;base64,AAAA")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "batch"


@pytest.fixture
def load(small_recipe, small_head: Path, out: Path) -> Callable[[], Localizer]:
    return lambda: Localizer.load(small_recipe, checkpoint=small_head, cache=features_of(out))


@pytest.fixture
def pairs(write_clip: Callable[..., Path], write_picture: Callable[..., Path]) -> list[Pair]:
    """Two videos with two pictures each, the second in two parts."""
    videos = [write_clip(name=f"v/{n}.mp4", seconds=5 + n, seed=n) for n in range(2)]
    first, second = (write_picture(f"{n}.png", seed=n) for n in range(2))
    return [
        Pair(video=videos[0], image=first, label="=jump"),
        Pair(video=videos[1], image=first, label="=jump"),
        Pair(video=videos[1], image=second, box=(5, 7, 31, 23)),
        Pair(video=videos[0], image=second),
    ]


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_pair_has_the_answer_of_a_search_of_its_own(load, pairs, out: Path) -> None:
    localizer = load()

    batch = search_pairs(localizer, pairs, out, top=2)

    assert [answer.pair for answer in batch.answers] == pairs
    assert (batch.num_kept, batch.errors) == (0, [])
    for answer in batch.answers:
        pair = answer.pair
        alone = localizer.locate(pair.video, pair.image, boxes=[pair.box], top=2)
        assert answer.found is not None
        assert answer.found.moments == alone.moments
        assert answer.found.video == pair.video
    records = json.loads((out / "results.json").read_text("utf-8"))["results"]
    assert [record["box"] for record in records] == [None, None, [5, 7, 31, 23], None]
    assert [record["label"] for record in records] == ["=jump", "=jump", None, None]
    for record, answer in zip(records, batch.answers, strict=True):
        assert len(record["moments"]) == len(answer.found.moments)  # pyright: ignore[reportOptionalMemberAccess]
    table = rows(out)
    assert [(row["video"], row["moment"]) for row in table if row["moment"] == "1"] == [
        (str(pair.video), "1") for pair in pairs
    ]
    assert table[0]["label"] == "'=jump"
    assert "data:video/mp4" in (out / "report.html").read_text("utf-8")


def test_a_restart_searches_only_what_is_new(load, pairs, out: Path, monkeypatch) -> None:
    first = search_pairs(load(), pairs[:2], out)
    localizer = load()
    searched, read = Mock(wraps=localizer.locate_features), Mock(wraps=localizer.encode_video)
    monkeypatch.setattr(localizer, "locate_features", searched)
    monkeypatch.setattr(localizer, "encode_video", read)

    second = search_pairs(localizer, pairs, out)

    assert second.num_kept == 2
    videos = [pairs[3].video, pairs[2].video]
    assert [call.kwargs["video"] for call in searched.call_args_list] == videos
    assert [call.args[0] for call in read.call_args_list] == videos
    for old, new in zip(first.answers, second.answers[:2], strict=True):
        assert old.found is not None
        assert new.found is not None
        assert new.found.to_json_dict() == old.found.to_json_dict()
    assert search_pairs(localizer, pairs, out).num_kept == 4
    assert searched.call_count == 2


def test_what_changed_is_searched_again(
    load, pairs, out: Path, write_clip, write_picture, small_recipe
) -> None:
    localizer = load()
    search_pairs(localizer, pairs, out)

    assert search_pairs(localizer, pairs, out, top=2).num_kept == 0
    write_picture("1.png", seed=9)
    assert search_pairs(localizer, pairs, out).num_kept == 2
    write_clip(name="v/0.mp4", seconds=4, seed=5)
    assert search_pairs(localizer, pairs, out).num_kept == 2
    moved = pairs[2].video.rename(pairs[2].video.with_name("moved.mp4"))
    pairs[1:3] = [replace(pair, video=moved) for pair in pairs[1:3]]
    batch = search_pairs(localizer, pairs, out)
    assert batch.num_kept == 4
    assert batch.answers[2].found is not None
    assert batch.answers[2].found.video == moved
    other = Localizer.load(small_recipe, model="matching", cache=features_of(out))
    assert search_pairs(other, pairs, out).num_kept == 0


def test_an_answer_that_was_cut_is_given_again(load, pairs, out: Path) -> None:
    search_pairs(load(), pairs, out)
    one, other, *_ = sorted((out / "answers").iterdir())
    one.write_text(one.read_text("utf-8")[:99], encoding="utf-8")
    other.write_text("[]", encoding="utf-8")

    batch = search_pairs(load(), pairs, out)

    assert batch.num_kept == 2
    assert all(answer.found is not None for answer in batch.answers)


def test_bad_files_are_recorded_and_tried_again(
    load, pairs, out: Path, write_clip, tmp_path: Path
) -> None:
    broken, gone = tmp_path / "v/broken.mp4", tmp_path / "gone.png"
    broken.write_bytes(b"no video")
    bad = [
        Pair(video=broken, image=pairs[0].image),
        Pair(video=pairs[0].video, image=gone),
        Pair(video=pairs[0].video, image=pairs[0].image, box=(50, 0, 20, 10)),
        pairs[0],
    ]

    batch = search_pairs(load(), bad, out)

    assert [answer.found is not None for answer in batch.answers] == [False, False, False, True]
    assert len(batch.errors) == 3
    assert "broken.mp4 is not a video that can be read" in batch.errors[0]
    assert "gone.png" in batch.errors[1]
    assert "does not lie inside" in batch.errors[2]
    assert [row["error"] for row in rows(out)] == [*batch.errors, ""]
    assert json.loads((out / "results.json").read_text())["results"][1]["error"] == batch.errors[1]
    page = (out / "report.html").read_text("utf-8")
    assert "broken.mp4 is not a video that can be read" in page
    assert str(tmp_path) not in page
    write_clip(name="v/broken.mp4", seconds=3)
    batch = search_pairs(load(), bad, out)
    assert (batch.num_kept, len(batch.errors)) == (1, 2)
    assert batch.answers[0].found is not None


def test_batch_without_any_answer_has_a_report_that_says_so(load, out: Path, tmp_path) -> None:
    batch = search_pairs(load(), [Pair(video=tmp_path / "a.mp4", image=tmp_path / "q.png")], out)

    assert batch.answers[0].found is None
    assert "Not searched" in (out / "report.html").read_text("utf-8")
    assert len(rows(out)) == 1


def test_progress_counts_bytes_of_videos(load, pairs, out: Path) -> None:
    calls: list[tuple[float, float]] = []

    search_pairs(load(), pairs, out, on_progress=lambda *call: calls.append(call))

    total = sum(video.stat().st_size for video in {pair.video for pair in pairs})
    assert {call[1] for call in calls} == {total}
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[-1] == total
    assert len(done) > 2


def test_results_of_others_are_not_replaced(load, pairs, out: Path) -> None:
    out.mkdir()
    (out / "results.csv").write_text("my own")

    with pytest.raises(UsageError, match=r"results\.csv exists, and stillseek did not write it"):
        search_pairs(load(), pairs, out)
    assert search_pairs(load(), pairs[:1], out, overwrite=True).errors == []
    with pytest.raises(UsageError, match="there is no pair to search"):
        search_pairs(load(), [], out)


def test_a_batch_that_was_stopped_goes_on_where_it_was(load, pairs, out: Path, monkeypatch) -> None:
    localizer, left = load(), iter(range(2))
    locate = localizer.locate_features

    def stopped(*features, **words):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return locate(*features, **words)

    monkeypatch.setattr(localizer, "locate_features", stopped)
    with pytest.raises(KeyboardInterrupt):
        search_pairs(localizer, pairs, out)
    assert not (out / "results.csv").exists()

    batch = search_pairs(load(), pairs, out)

    assert batch.num_kept == 2
    assert len(rows(out)) == 4
