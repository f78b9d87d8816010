import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stillseek.errors import MediaError, UsageError
from stillseek.library import Library, watching
from stillseek.library.watching import Added, Alert, Began, Trouble, follow


@pytest.fixture
def folder(write_video) -> Path:
    return write_video("first.mp4", kind=1).parent


@pytest.fixture
def library(tmp_path: Path, tiny) -> Library:
    return Library.open(tmp_path / "library", recipe=tiny())


@pytest.fixture
def tick(monkeypatch) -> Callable[..., None]:
    """Makes the watcher yield given changes, and time pass by a second a look."""

    def make(*changes) -> None:
        def watch(*_, **__):
            for change in changes:
                yield {(1, str(path)) for path in (change() if callable(change) else change)}

        clock = iter(range(10**6))
        monkeypatch.setattr("watchfiles.watch", watch)
        monkeypatch.setattr(watching, "monotonic", lambda: float(next(clock)))

    return make


def test_files_are_added_once_they_are_complete(folder, library, write_video, tick) -> None:
    def grow(num_clips: int) -> Callable[[], list[Path]]:
        return lambda: [write_video("second.mp4", kind=2, num_clips=num_clips, seed=num_clips)]

    def leave() -> list[Path]:
        (folder / "first.mp4").unlink()
        return [folder / "first.mp4"]

    tick([], [], [], grow(20), grow(30), [], [], [], [], leave, [])

    began, *events = follow(library, [folder], settle_seconds=3.0)

    assert began == Began(found=1, known=0)
    assert all(isinstance(event, Added) for event in events)
    reports = [event.report for event in events]
    assert [[o.path.name for o in report.outcomes] for report in reports] == [
        ["first.mp4"],
        ["second.mp4"],
        [],
    ]
    assert reports[1].outcomes[0].duration_seconds == 15.0
    assert reports[2].gone == ("videos/first.mp4",)
    write_video("third.mp4", kind=3)
    tick()
    assert list(follow(library, [folder])) == [Began(found=2, known=1)]


def test_a_locked_folder_is_told_of_and_the_others_are_followed(
    folder, library, write_video, tick, lock
) -> None:
    write_video("b/second.mp4", kind=2)
    lock(folder / "b")
    tick([], [], [])

    began, trouble, added = follow(library, [folder], settle_seconds=1.0)

    assert began == Began(found=1, known=0)
    assert isinstance(trouble, Trouble)
    assert trouble.error.startswith(f"{folder / 'b'} cannot be read, and is not followed; ")
    assert isinstance(added, Added)
    with pytest.raises(MediaError, match="cannot be read"):
        next(follow(library, [folder / "b"]))


def test_an_alert_is_told_and_given_to_a_command(
    tmp_path: Path, folder, library, write_picture, tick, monkeypatch
) -> None:
    picture = write_picture()
    with pytest.raises(UsageError, match="recipe tiny has no calibration"):
        next(follow(library, [folder], alerts=[picture]))
    monkeypatch.setattr(Library, "is_calibrated", True)
    shown = library_answers(monkeypatch)

    def move() -> list[Path]:
        return [(folder / "first.mp4").rename(folder / "moved.mp4")]

    tick([], [], [], [], move, [], [], [])
    out = tmp_path / "got.json"
    script = f"import sys; open({str(out)!r}, 'w').write(sys.stdin.read()); sys.exit(3)"
    command = f'{sys.executable} -c "{script}"'

    events = list(follow(library, [folder], alerts=[picture], command=command, settle_seconds=1.0))

    _, added, alert, trouble, moved = events
    assert isinstance(added, Added)
    assert isinstance(alert, Alert)
    assert alert.picture == picture
    assert isinstance(trouble, Trouble)
    assert trouble.error.endswith("ended with 3")
    assert isinstance(moved, Added)
    assert [outcome.status for outcome in moved.report.outcomes] == ["present"]
    assert '"results"' in out.read_text()
    assert shown == [[str(folder / "first.mp4")]]


def library_answers(monkeypatch) -> list[object]:
    """Makes every search find one video; gives what was searched in."""
    from types import SimpleNamespace

    seen: list[object] = []

    def search(self, picture, *, within, top):
        seen.append(within)
        found = SimpleNamespace(results=(1,), to_json_dict=lambda: {"results": [1]})
        return SimpleNamespace(only_found=lambda: found)

    monkeypatch.setattr(Library, "search", search)
    return seen


@pytest.mark.slow
def test_a_real_watcher_sees_a_file(folder, library, write_video) -> None:
    stop = threading.Event()
    events = follow(library, [folder], settle_seconds=0.5, stop=stop)

    assert isinstance(next(events), Began)
    assert next(events).report.outcomes[0].path.name == "first.mp4"
    write_video("second.mp4", kind=2, seed=4)
    assert next(events).report.outcomes[0].path.name == "second.mp4"
    stop.set()
    assert list(events) == []
