import errno
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from stillseek.errors import FeatureError
from stillseek.features import FeatureStore, QueryKey, VideoKey
from stillseek.features.store.content_address import entry_name
from stillseek.features.store.verify_and_prune import (
    find_garbage,
    list_recipes,
    remove_corrupt,
    remove_garbage,
    verify,
)
from stillseek.timeline import Segment

from .conftest import QUERY, A, B, damage, query, video

VIDEOS = [VideoKey(content=digit * 64, fingerprint=A) for digit in "cde"]


@pytest.fixture
def store(store: FeatureStore) -> FeatureStore:
    """Three videos and a query of one recipe, one video of another."""
    for key in VIDEOS:
        store.put(key, video(), source="v.mp4", recipe="first")
    store.put(replace(VIDEOS[0], fingerprint=B), video(fingerprint=B), source="v.mp4")
    store.put_query(QUERY, query(), source="q.png")
    return store


def place(store: FeatureStore, key: VideoKey | QueryKey) -> Path:
    return store.root / entry_name(key)


def test_list_counts_a_recipe_at_a_time(store: FeatureStore):
    first, second = list_recipes(store)
    assert (first.fingerprint, first.recipe, first.videos, first.queries) == (A, "first", 3, 1)
    assert (second.fingerprint, second.recipe, second.videos, second.queries) == (B, None, 1, 0)
    assert (first.seconds, second.seconds) == (pytest.approx(9.9), 3.3)
    sizes = [place(store, key).stat().st_size for key in (*VIDEOS, QUERY)]
    assert first.size_bytes == sum(sizes)


def test_list_counts_what_cannot_be_read_by_its_name(store: FeatureStore):
    place(store, replace(VIDEOS[0], fingerprint=B)).write_bytes(b"")
    assert [(u.fingerprint, u.videos, u.seconds) for u in list_recipes(store)] == [
        (A, 3, pytest.approx(9.9)),
        (B[:16], 1, 0.0),
    ]


def test_intact_store_verifies(store: FeatureStore):
    seen = []
    result = verify(store, on_progress=lambda *at: seen.append(at))
    assert (result.intact, result.corrupt) == (5, ())
    assert seen == [(n, 5) for n in range(1, 6)]


def test_every_corrupt_entry_is_found_and_only_those_are_removed(store: FeatureStore):
    damage(place(store, VIDEOS[1]))
    place(store, QUERY).write_bytes(place(store, QUERY).read_bytes()[:-3])
    # The right bytes under the name of another recipe.
    swapped = place(store, replace(VIDEOS[2], fingerprint=B))
    swapped.write_bytes(place(store, VIDEOS[2]).read_bytes())

    result = verify(store)
    assert result.intact == 3
    names = [name for name, _ in result.corrupt]
    bad = [entry_name(QUERY), entry_name(VIDEOS[1]), str(swapped.relative_to(store.root))]
    assert sorted(names) == sorted(bad)
    # One was computed again in the meantime.
    store.put(VIDEOS[1], video(), source="v.mp4")
    assert remove_corrupt(store, names) == 2
    assert (verify(store).intact, verify(store).corrupt) == (4, ())


@pytest.mark.parametrize("reason", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_entry_that_cannot_be_read_is_not_corrupt(
    reason: int, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
):
    def refuse(self, *args, **kwargs):
        raise OSError(reason, os.strerror(reason))

    names = list(store.files.entries())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        for work in (verify, lambda store: remove_corrupt(store, names), list_recipes):
            with pytest.raises(FeatureError, match=rf"cannot read .*{os.strerror(reason)}"):
                work(store)
        # Not encoded again, either.
        with pytest.raises(FeatureError, match="cannot read"):
            store.find(VIDEOS[0])
    assert verify(store).intact == 5


def test_entry_that_goes_meanwhile_is_missing(store: FeatureStore, monkeypatch: pytest.MonkeyPatch):
    names = list(store.files.entries())
    for name in names:
        store.files.remove(name)
    monkeypatch.setattr(store.files, "entries", lambda pattern="*": iter(names))
    monkeypatch.setattr(store.files, "exists", lambda name: name in names)
    assert (verify(store).intact, verify(store).corrupt, remove_corrupt(store, names)) == (0, (), 0)
    # `warnings` are errors here.
    assert (store.find(VIDEOS[0]), store.find_query(QUERY)) == (None, None)
    with pytest.raises(FeatureError, match="has no features"):
        store.get_window(VIDEOS[0], Segment(start_seconds=0.0, end_seconds=1.0))


def test_garbage_is_what_nobody_keeps_and_what_dead_writers_left(store: FeatureStore):
    folder = place(store, VIDEOS[0]).parent
    # As `replacing` calls them, and as early versions did.
    old, early, live, other = (
        folder / f".{'0' * 16}.tmp.safetensors",
        folder / f".{'1' * 16}.tmp",
        folder / f".{'2' * 16}.tmp.safetensors",
        folder / ".mine.tmp",
    )
    for path in (old, early, live, other):
        path.write_bytes(b"12345")
    hour_ago = time.time() - 3700
    for path in (old, early, other):
        os.utime(path, (hour_ago, hour_ago))

    assert find_garbage(store).entries == ()
    garbage = find_garbage(store, keep=[A])
    entry = place(store, replace(VIDEOS[0], fingerprint=B))
    assert garbage.entries == (str(entry.relative_to(store.root)),)
    assert garbage.temporaries == tuple(str(p.relative_to(store.root)) for p in (old, early))
    assert garbage.size_bytes == entry.stat().st_size + 10
    assert entry.exists()
    remove_garbage(store, garbage)
    assert [path.exists() for path in (entry, old, early)] == [False] * 3
    assert [path.exists() for path in (live, other)] == [True] * 2
    assert verify(store).intact == 4
    # Somebody else was faster.
    remove_garbage(store, garbage)


def test_what_cannot_be_removed_says_so(store: FeatureStore):
    (store.root / "videos" / "cc" / "folder.safetensors").mkdir()
    with pytest.raises(FeatureError, match=r"cannot remove .*folder.safetensors \("):
        store.files.remove("videos/cc/folder.safetensors")
