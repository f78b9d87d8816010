import json
import threading
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

from stillseek.errors import FeatureError, LibraryError
from stillseek.features.store.remote_files import RemoteFiles
from stillseek.library import Library
from stillseek.library.published import fetch


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STILLSEEK_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=["memory", "folder"])
def place(request, tmp_path):
    """A bucket in memory, and a share."""
    yield "memory://bucket/library" if request.param == "memory" else tmp_path / "a ü share"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def library(tmp_path, tiny, write_video) -> Library:
    made = Library.open(tmp_path / "library", recipe=tiny())
    made.add(*(write_video(f"{kind}.mp4", kind=kind, seed=kind) for kind in range(3)))
    return made


def best(library: Library, image) -> tuple[str, float]:
    found = library.search(image, fast=True).results[0]
    return found.video.name, found.moments[0].start_seconds


@pytest.fixture
def there(library, place, tiny) -> Library:
    """The library as others open it."""
    return Library.open(library.publish(place).url, recipe=tiny())


def test_a_published_library_answers_like_its_own(library, place, tiny, picture) -> None:
    told = []
    done = library.publish(place, on_progress=lambda *of: told.append(of))

    there = Library.open(done.url, recipe=tiny())

    assert (done.videos, done.copied) == (3, 3)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert there.videos() == library.videos()
    assert [there.path(each) for each in there.videos()] == [
        library.path(each) for each in library.videos()
    ]
    assert there.verify().intact == 3
    for kind in range(3):
        assert best(there, picture(kind)) == best(library, picture(kind)) == (f"{kind}.mp4", 5.0)
    head = there.search(picture(1)).to_json_dict()
    assert head == library.search(picture(1)).to_json_dict()


def test_stats_ask_for_one_listing_and_not_for_every_size(library, there, monkeypatch) -> None:
    monkeypatch.setattr(RemoteFiles, "size", lambda *_: pytest.fail("one request a video"))

    assert there.stats().feature_bytes == library.stats().feature_bytes > 0


def test_one_that_is_open_sees_what_is_published_later(
    library, there, place, picture, write_video
) -> None:
    assert best(there, picture(6))[0] != "6.mp4"

    library.add(write_video("6.mp4", kind=6, seed=6))
    library.remove("*/0.mp4")
    done = library.publish(place)

    assert (done.videos, done.copied) == (3, 1)
    assert best(there, picture(6)) == ("6.mp4", 5.0)
    assert [video.name for video in there.videos()] == [v.name for v in library.videos()]
    # Features of three videos, the two files of the index, and what names it.
    files = fsspec.url_to_fs(done.url)
    assert len(files[0].find(files[1])) == 6
    again = library.publish(place)
    assert (again.copied, best(there, picture(6))) == (0, ("6.mp4", 5.0))


def test_it_is_searched_only(there, write_video) -> None:
    with pytest.raises(LibraryError, match="is a published library, which is searched only"):
        there.add(write_video("7.mp4", kind=7, seed=7))
    with pytest.raises(LibraryError, match="searched only"):
        there.remove("*")
    assert len(there.videos()) == 3


def test_what_is_no_published_library_is_refused(library, place, tmp_path) -> None:
    with pytest.raises(LibraryError, match="there is no library at memory://nowhere/at/all"):
        Library.open("memory://nowhere/at/all")
    own = library.folder.absolute()
    with pytest.raises(LibraryError, match="is a library that is written there"):
        library.publish(own)
    with pytest.raises(LibraryError, match="is a library that is written there"):
        Library.open(own.as_uri())


def test_features_of_others_are_kept(library, tmp_path) -> None:
    other = (
        tmp_path / "share" / "features" / "videos" / "ab" / f"{'ab' * 32}.{'c' * 16}.safetensors"
    )
    other.parent.mkdir(parents=True)
    other.write_bytes(b"features")

    with pytest.raises(LibraryError, match="holds features that are not this library's"):
        library.publish(tmp_path / "share")

    assert [path for path in (tmp_path / "share").rglob("*") if path.is_file()] == [other]


def test_what_others_have_there_is_kept(library, tmp_path, tiny, write_video) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "notes.txt").write_text("mine")
    with pytest.raises(LibraryError, match=r"holds notes.txt and no library; choose an empty"):
        library.publish(tmp_path / "share")
    assert [path.name for path in (tmp_path / "share").iterdir()] == ["notes.txt"]

    other = Library.open(tmp_path / "other", recipe=tiny())
    other.add(write_video("other/9.mp4", seed=9))
    other.publish(tmp_path / "taken")
    with pytest.raises(LibraryError, match=r"was published from .*other; choose another place, or"):
        library.publish(tmp_path / "taken")
    assert len(Library.open(tmp_path / "taken").videos()) == 1
    assert library.publish(tmp_path / "taken", overwrite=True).videos == 3


def test_a_folder_that_was_published_to_may_move(library, tmp_path, tiny, picture) -> None:
    library.publish(tmp_path / "share")
    moved = (tmp_path / "share").rename(tmp_path / "elsewhere")

    there = Library.open(moved, recipe=tiny())

    assert best(there, picture(1)) == ("1.mp4", 5.0)
    with pytest.raises(LibraryError, match="is of recipe tiny, not of lite"):
        Library.open(moved.as_uri(), recipe="lite")


def test_missing_features_are_told_and_what_is_there_stays(library, there) -> None:
    settings = library.folder / "library.json"
    for path in (library.folder / "features").rglob("*.safetensors"):
        path.unlink()
    fsspec.filesystem("memory").store.clear()

    with pytest.raises(FeatureError, match=r"the features of videos/\d.mp4 are missing; add it to"):
        library.publish("memory://other/place")

    assert settings.is_file()
    assert len(there.videos()) == 3


def test_an_index_outside_of_the_library_is_refused(library, tmp_path) -> None:
    url = library.publish(tmp_path / "share").url
    file = tmp_path / "share" / "library.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"index": "../../index-0"}))

    with pytest.raises(LibraryError, match=r"there is no index '\.\./\.\./index-0'"):
        fetch(url)


def test_a_broken_or_missing_index_is_told(library, tmp_path) -> None:
    url = library.publish(tmp_path / "share").url
    (tables,) = (tmp_path / "share").glob("index-*/index.sqlite")
    content = tables.read_bytes()
    tables.write_bytes(content[:-1] + b"?")
    with pytest.raises(LibraryError, match=r"index.sqlite is broken; publish the library again"):
        fetch(url)
    tables.unlink()
    with pytest.raises(LibraryError, match=r"misses its index .*index.sqlite.*publish it again"):
        fetch(url)
    tables.write_bytes(content)
    assert (fetch(url) / "library.json").is_file()


def test_what_stops_in_between_leaves_the_library_as_it_was(
    library, place, there, picture, write_video
) -> None:
    library.add(write_video("6.mp4", kind=6, seed=6))

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.publish(place, on_progress=stop)
    assert len(there.search(picture(0), fast=True).results) == 3
    assert len(there.videos()) == 3
    assert library.publish(place).copied == 0
    assert len(there.search(picture(0), fast=True).results) == 4


def test_readers_beside_a_publisher_always_have_an_answer(
    library, tmp_path, tiny, picture, write_video
) -> None:
    share = tmp_path / "share"
    url = library.publish(share).url
    answers: list[str] = []
    is_done = threading.Event()

    def read() -> None:
        there = Library.open(url, recipe=tiny())
        while not is_done.is_set():
            found = there.search(picture(1), fast=True)
            assert not found.failures
            answers.append(found.results[0].video.name)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(10, 18):
            library.add(write_video(f"{number}.mp4", num_clips=number, seed=number))
            library.publish(share)
            library.remove(f"*/{number}.mp4")
            library.publish(share)
        is_done.set()
        for reader in readers:
            reader.result()
    assert set(answers) == {"1.mp4"}
    assert len(list(share.rglob("*.sqlite"))) == 1
