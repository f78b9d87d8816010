import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

from stillseek.errors import FeatureError, InstallationError, UsageError
from stillseek.features import (
    CorruptFeaturesWarning,
    FeatureStore,
    QueryKey,
    VideoKey,
    content_hash,
    extract,
)
from stillseek.features.recipes.recipe import VideoFeatures
from stillseek.features.store.content_address import entry_name
from stillseek.features.store.store_files import LocalFiles
from stillseek.features.store.store_place import open_files
from stillseek.features.store.verify_and_prune import (
    find_garbage,
    list_recipes,
    remove_corrupt,
    remove_garbage,
    verify,
)
from stillseek.timeline import Segment

from .conftest import GRID, KEY, QUERY, A, B, query, video

URL = "memory://bucket/store"


@pytest.fixture(autouse=True)
def memory() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture(params=["memory", "folder", "file"])
def store(request, tmp_path: Path) -> FeatureStore:
    """The same store in three places."""
    places = {"memory": URL, "folder": tmp_path / "s", "file": f"file://{tmp_path / 's'}"}
    return FeatureStore(places[request.param])


def test_extraction_fills_it_and_the_next_one_finds_everything(
    store: FeatureStore, stub, write_files: Callable
):
    paths = write_files({"a.mp4": b"alpha", "b.mp4": b"beta"})
    assert len(extract(paths, stub, store).with_status("encoded")) == 2
    assert len(extract(paths, stub, store).with_status("present")) == 2
    key = VideoKey(content=content_hash(paths[1]), fingerprint=stub.fingerprint)
    np.testing.assert_array_equal(
        store.get(key).clips, np.full((3, 5), np.float16(ord("b") + 0.1), np.float32)
    )
    assert store.get_window(key, Segment(start_seconds=1.0, end_seconds=2.0)).clips.shape == (1, 5)
    other = VideoKey(content=key.content, fingerprint="b" * 64)
    assert store.find(other) is None
    assert store.other_fingerprints(other) == ["a" * 16]
    with pytest.raises(
        FeatureError,
        match=r"the store .*s.* has no features of .* b{16}, only those of recipe .* a{16}; ext",
    ):
        store.get(other)


def test_queries_and_derived_entries_lie_beside(store: FeatureStore):
    store.put(KEY, video(), source="a.mp4")
    store.put_query(QUERY, query(0.25), source="d.mp4")

    def narrower(features: VideoFeatures) -> VideoFeatures:
        assert features.fingerprint == A
        return replace(features, clips=features.clips[:, :2] + 1, fingerprint=B)

    assert store.derive(A, B, narrower) == (1, 1)
    assert store.derive(A, B, narrower) == (0, 0)
    derived = store.get(replace(KEY, fingerprint=B))
    assert derived.grid == GRID
    assert (derived.clips == np.full((GRID.num_clips, 2), 1.5)).all()
    assert (store.get_query(replace(QUERY, fingerprint=B)).regions == 0.25).all()
    assert (store.get(KEY).clips == 0.5).all()
    assert store.other_fingerprints(QUERY) == [B[:16]]
    assert [(u.videos, u.queries) for u in list_recipes(store)] == [(1, 1), (1, 1)]
    assert verify(store).intact == 4
    store.files.write("logs/extract.json", b"{}")
    garbage = find_garbage(store, keep=[B])
    assert (len(garbage.entries), garbage.temporaries) == (2, ())
    assert garbage.size_bytes == sum(store.files.size(name) for name in garbage.entries) > 0
    remove_garbage(store, garbage)
    remove_garbage(store, garbage)
    assert [usage.fingerprint for usage in list_recipes(store)] == [B]
    assert store.files.size(garbage.entries[0]) == 0
    assert store.files.read("logs/extract.json", 1, 9) == b"}"
    assert store.files.read("logs/extract.json", 1, 1) == b""


def test_half_an_entry_is_seen_and_encoded_again(store: FeatureStore, stub, write_files: Callable):
    (path,) = write_files({"a.mp4": b"alpha"})
    extract([path], stub, store)
    name = entry_name(VideoKey(content=content_hash(path), fingerprint=stub.fingerprint))
    store.files.write(name, store.files.read(name)[:-7])
    assert [corrupt for corrupt, _ in verify(store).corrupt] == [name]
    with pytest.warns(CorruptFeaturesWarning, match="computed again"):
        report = extract([path], stub, store)
    assert len(report.with_status("encoded")) == 1
    assert verify(store).corrupt == ()


def test_only_names_that_the_store_gives_are_entries(store: FeatureStore):
    base = QueryKey(content="d" * 64, fingerprint="b" * 64)
    keys = [
        KEY,
        base,
        replace(base, frame_seconds=1234.5),
        replace(base, box=(0, 1, 20, 300)),
        replace(base, frame_seconds=0.0, box=(0, 1, 20, 300)),
    ]
    names = [entry_name(key) for key in keys]
    video, digits = names[0], f".{'a' * 16}."
    others = [
        "sail/head/model.safetensors",
        f"runs/cc/{'c' * 64}{digits}safetensors",
        f"videos/dd/{'c' * 64}{digits}safetensors",
        f"videos/cc/{'c' * 63}{digits}safetensors",
        f"videos/cc/{'c' * 64}-at-1.000000{digits}safetensors",
        f"copy/{video}",
        video.replace(digits, ".best."),
        video + ".bak",
    ]
    for name in (*names, *others):
        store.files.write(name, b"x")
    assert list(store.files.entries()) == sorted(names)
    assert list(store.files.entries(f"*.{'a' * 16}")) == [video]
    assert store.files.top() == ["copy", "queries", "runs", "sail", "videos"]


def test_empty_store_has_nothing(store: FeatureStore):
    assert list(store.files.entries()) == []
    assert store.files.top() == []
    assert list_recipes(store) == []
    assert (verify(store).intact, verify(store).corrupt) == (0, ())
    garbage = find_garbage(store, keep=[])
    assert (garbage.entries, garbage.temporaries, garbage.size_bytes) == ((), (), 0)


def test_same_bytes_wherever_it_lies(stub, write_files: Callable, tmp_path: Path, memory):
    paths = write_files({"a.mp4": b"alpha"})
    stores = [FeatureStore(URL), FeatureStore(tmp_path / "s")]
    for store in stores:
        extract(paths, stub, store)
    (name,) = stores[0].files.entries()
    assert stores[0].files.read(name) == (tmp_path / "s" / name).read_bytes()
    assert list(memory.store) == [f"/bucket/store/{name}"]


def test_url_goes_through_a_path_and_a_pickle(stub, write_files: Callable):
    store = FeatureStore(Path(URL))
    assert store.root == URL
    extract(write_files({"a.mp4": b"alpha"}), stub, pickle.loads(pickle.dumps(store)))
    assert len(list(store.files.entries())) == 1


@pytest.mark.parametrize("place", ["runs/s", "./s:3/x", "C:\\store", "file:///tmp/s"])
def test_folders_stay_folders(place: str):
    files = open_files(place)
    assert isinstance(files, LocalFiles)
    assert files.root == Path(place.removeprefix("file://"))


def test_unknown_kind_of_url_is_refused():
    with pytest.raises(UsageError, match=r"cannot lie at cellar://x: Protocol not known: cellar"):
        FeatureStore("cellar://x")


def test_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch):
    driver = {"class": "no_such_module.System", "err": "Install cellarfs to access cellars"}
    monkeypatch.setitem(known_implementations, "cellar", driver)
    with pytest.raises(InstallationError, match="Install cellarfs to access cellars; pip install"):
        FeatureStore("cellar://x/store")


def test_file_system_that_fails_is_no_corrupt_entry(
    stub, write_files: Callable, monkeypatch: pytest.MonkeyPatch
):
    def refuse(self, *args, **kwargs):
        raise RuntimeError("Unable to locate credentials")

    store = FeatureStore(URL)
    paths = write_files({"a.mp4": b"alpha"})
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    with pytest.raises(FeatureError, match=rf"cannot reach {URL}/videos/.*locate credentials"):
        extract(paths, stub, store)
    monkeypatch.undo()
    extract(paths, stub, store)
    names = list(store.files.entries())
    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "cat_file", refuse)
        for work in (verify, lambda store: remove_corrupt(store, names)):
            with pytest.raises(FeatureError, match="cannot reach"):
                work(store)
    assert list(store.files.entries()) == names
    monkeypatch.setattr(MemoryFileSystem, "exists", refuse)
    with pytest.raises(FeatureError, match="check the address, your rights and the network"):
        store.find(KEY)


def test_folders_are_made_where_a_file_system_has_them(monkeypatch: pytest.MonkeyPatch, memory):
    put = MemoryFileSystem.pipe_file

    def put_into_folder(self, path, value, **kwargs):
        if not self.isdir(path.rpartition("/")[0]):
            raise FileNotFoundError(path)
        put(self, path, value, **kwargs)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", put_into_folder)
    store = FeatureStore(URL)
    store.put(KEY, video(), source="c.mp4")
    assert (store.get(KEY).clips == 0.5).all()


@pytest.mark.parametrize(
    "place",
    [
        "simplecache::s3://bucket/store",
        "filecache::memory://bucket/store",
        "zip://inner::s3://bucket/store.zip",
        "blockcache::file:///srv/store",
        "simplecache::/srv/store",
        "s3://bucket/a::b",
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_chained_addresses_are_refused(place: str, kind: Callable):
    with pytest.raises(UsageError, match="chains file systems; give the address of the store its"):
        FeatureStore(kind(place))


@pytest.mark.parametrize("name", ["a::b", "one::two::three", "::"])
def test_folders_may_have_colons(name: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert FeatureStore(name).root == Path(name)
    assert FeatureStore(tmp_path / name).root == tmp_path / name
