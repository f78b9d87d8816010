from dataclasses import replace

import numpy as np
import pytest
from fake_features import FakeSource, counted
from samples import make_sample

from stillseek.data import drawn_streams as drawn
from stillseek.data.augmentation import Augmentation
from stillseek.data.batching import BatchLoader, batch_indices, num_steps_of
from stillseek.data.drawn_streams import DrawnStreams, FeatureBank, Picture, Shot
from stillseek.data.example import ExampleSet
from stillseek.data.sample import Sample
from stillseek.errors import UsageError
from stillseek.timeline import Segment

DIM = 13
NAMES = ("dance", "dive", "fence", "ride", "row", "ski")


def make_bank(names=NAMES, *, is_still=True, similar=None) -> FeatureBank:
    """One direction a class, so that a clip tells whose it is."""
    shots, pictures = {}, {}
    for number, name in enumerate(names):
        axis = np.zeros(DIM, np.float32)
        axis[number] = 10.0
        shots[name] = tuple(
            Shot(features=np.tile(axis, (5, 1)), is_still=is_still, source=f"{name} {k}")
            for k in range(3)
        )
        pictures[name] = tuple(
            Picture(
                regions=np.tile(axis, (2, 1)),
                boxes=np.tile(np.array([0.5, 0.5, 1, 1], np.float32), (2, 1)),
                global_feature=axis,
                source=f"{name} {k}",
            )
            for k in range(3)
        )
    return FeatureBank(
        shots=shots,
        pictures=pictures,
        similar={name: frozenset(kin) for name, kin in (similar or {}).items()},
        stride_seconds=0.5,
    )


@pytest.fixture
def clean(monkeypatch):
    """Streams without noise, drift, offset and fades."""
    for name in ("_NOISE", "_DRIFT", "_OFFSET"):
        monkeypatch.setattr(drawn, name, (0.0, 0.0))
    monkeypatch.setattr(drawn, "_FADE_CHANCE", 0.0)


def classes_of(example) -> list[str]:
    """The class of every clip of a clean stream."""
    return [NAMES[k] for k in example.steps[:, : len(NAMES)].argmax(axis=1)]


def test_a_stream_follows_from_seed_epoch_and_index_alone():
    streams = DrawnStreams(make_bank(), 7, seed=3)
    again = DrawnStreams(make_bank(), 7, seed=3)
    one, same = streams.draw(5, seed=3, epoch=2), again.draw(5, seed=3, epoch=2)
    np.testing.assert_array_equal(one.steps, same.steps)
    assert one.sample == same.sample
    for other in (streams.draw(5, seed=3, epoch=1), streams.draw(5, seed=4, epoch=2)):
        assert other.steps.shape == one.steps.shape  # an index keeps its length
        assert not np.array_equal(other.steps, one.steps)


def test_the_target_is_there_once_and_nothing_else_answers(clean):
    streams = DrawnStreams(make_bank(), 60)
    shares = []
    for example in streams:
        first, last = example.labels
        target = example.sample.label
        assert example.sample.query_label == target
        names = classes_of(example)
        assert set(names[first : last + 1]) == {target}
        assert target not in names[:first] + names[last + 1 :]
        shares.append((last + 1 - first) / len(names))
    assert min(shares) < 0.15
    assert max(shares) > 0.6
    assert max(shares) < 0.8


def test_a_difficult_picture_has_one_answer(clean):
    similar = {"dance": {"dive", "fence"}, "dive": {"dance", "fence"}, "fence": {"dance", "dive"}}
    streams = DrawnStreams(make_bank(similar=similar), 120)
    difficult = [e for e in streams if e.sample.query_kind == "difficult"]
    assert len(difficult) > 5
    alike = 0
    for example in streams:
        target, asked = example.sample.label, example.sample.query_label
        first, last = example.labels
        names = classes_of(example)
        outside = set(names[:first] + names[last + 1 :])
        if example.sample.query_kind == "difficult":
            assert asked in similar[target]
            assert not outside & similar[asked]
        alike += bool(outside & similar.get(target, set()))
        assert asked not in outside
    assert alike > 20


def test_the_picture_is_no_frame_of_the_stream(clean):
    bank = make_bank()
    marked = {
        name: tuple(
            replace(shot, features=np.full((5, DIM), k, np.float32)) for k, shot in enumerate(shots)
        )
        for name, shots in bank.shots.items()
    }
    for example in DrawnStreams(replace(bank, shots=marked), 30):
        first, last = example.labels
        source = float(str(example.sample.query_image).rpartition(" ")[2])
        assert source not in example.steps[first : last + 1]


def test_streams_have_noise_and_what_all_of_them_shares():
    rows = [example.steps for example in DrawnStreams(make_bank(), 12)]
    assert min(np.diff(each, axis=0).std() for each in rows) > 0.05
    assert max(abs(each[:, -1].mean()) for each in rows) > 0.5


def test_videos_are_shown_as_they_run(clean):
    bank = make_bank(is_still=False)
    rows = np.arange(40, dtype=np.float32)[:, None] * np.ones(DIM, np.float32)
    shots = {
        name: tuple(replace(shot, features=rows) for shot in each)
        for name, each in bank.shots.items()
    }
    example = DrawnStreams(replace(bank, shots=shots), 9).draw(4, epoch=1)
    steps = np.diff(example.steps[:, 0])
    assert np.mean(steps == 1.0) > 0.7  # the rest are cuts


def source() -> FakeSource:
    """Clips that count up; every query is its class's number."""
    ones = np.ones((2, DIM), np.float32)
    return FakeSource(
        counted(10, DIM),
        length_seconds=0.5,
        regions=ones,
        whole=ones[0],
        value=lambda sample: NAMES.index(sample.query_label),
    )


def question(name: str, label: str, query_label: str) -> Sample:
    return make_sample(
        sample_id=name,
        video_id=f"video {label}",
        duration_seconds=5.0,
        segment=Segment(1.0, 2.5),
        label=label,
        query_kind="simple" if label == query_label else "difficult",
        query_label=query_label,
        query_video_id=None,
        query_seconds=None,
        query_image=f"{query_label}.png",
        source_video_id=f"source {label}",
        taxonomy_distance=0 if label == query_label else 2,
    )


def test_banks_from_samples_have_targets_queries_and_what_is_alike():
    asked = [("dance", "dance"), ("dive", "dive"), ("dance", "dive"), ("dance", "dance")]
    samples = [question(str(k), *each) for k, each in enumerate(asked)]
    bank = FeatureBank.of_samples(samples, source())
    assert bank.classes == ("dance", "dive")
    assert bank.similar == {"dance": frozenset({"dive"}), "dive": frozenset({"dance"})}
    (shot,) = bank.shots["dance"]  # once, however many samples ask for it
    assert shot.features[:, 0].tolist() == [2.0, 3.0, 4.0]
    assert (shot.is_still, shot.source) == (False, "source dance")
    (picture,) = bank.pictures["dive"]
    assert picture.global_feature.tolist() == [1.0] * DIM
    assert bank.stride_seconds == 0.5


def test_a_picture_and_a_shot_of_one_source_are_of_one_source():
    target, asking = question("0", "dance", "dance"), question("1", "dive", "dance")
    asking = replace(asking, query_image=None, query_video_id="video dance", query_seconds=1.0)
    bank = FeatureBank.of_samples([target, asking, question("2", "dive", "dive")], source())
    frames = [each for each in bank.pictures["dance"] if each.source != "dance.png"]
    assert [each.source for each in frames] == ["source dance"] == [bank.shots["dance"][0].source]


def test_one_class_is_no_bank():
    with pytest.raises(UsageError, match="at least two classes that have shots"):
        make_bank(names=("dance",))


def test_a_stream_needs_something_beside_its_target():
    similar = {"dance": {"dive"}, "dive": {"dance"}}
    streams = DrawnStreams(make_bank(names=("dance", "dive"), similar=similar), 40)
    with pytest.raises(UsageError, match="no class can stand beside"):
        list(streams)


def test_loading_gives_the_streams_of_the_epoch():
    streams = DrawnStreams(make_bank(), 11, seed=1)
    assert num_steps_of(streams) == streams.num_steps
    loader = BatchLoader(streams, augmentation=Augmentation())
    batches = batch_indices(len(streams), 4, shuffle=(1, 2), num_steps=streams.num_steps)
    loaded = list(loader.load(batches, draw=(1, 2)))
    expected = streams.draw(batches[0][1], seed=1, epoch=2)
    np.testing.assert_array_equal(
        loaded[0].inputs.clips[1, : len(expected.steps)].numpy(), expected.steps
    )
    assert not isinstance(streams, ExampleSet)
