from collections.abc import Sequence

from stillseek.data.manifest import Sample
from stillseek.evaluation.absence import absent_questions
from stillseek.timeline import Segment


def make_sample(number: int, label: str, *, query: str | None = None, split="test") -> Sample:
    return Sample(
        sample_id=f"{split} {number} {query or label}",
        video_id=f"{split} video {number}",
        duration_seconds=30.0,
        window=None,
        segment=Segment(1.0, 9.0),
        label=label,
        split=split,
        query_kind="difficult" if query else "simple",
        query_label=query or label,
        query_video_id=None,
        query_seconds=None,
        query_image=f"{query or label}{number}.jpg",
        source_video_id=f"{split} video {number}",
        pair_id=None,
        taxonomy_distance=2 if query else 0,
    )


def asked(*, seed: int = 0) -> dict[str, Sequence[Sample]]:
    test = [
        make_sample(0, "tennis"),
        make_sample(0, "tennis", query="badminton"),
        make_sample(1, "chess"),
        make_sample(2, "rowing"),
    ]
    train = [make_sample(7, "skiing", split="train"), make_sample(8, "chess", split="train")]
    labels = {s.video_id: {s.label} for s in [*test, *train]}
    labels["test video 2"].add("chess")  # a distractor
    return absent_questions(test, [*test, *train], labels, seed=seed)


def by_video(samples: Sequence[Sample]) -> dict[str, str]:
    return {sample.video_id: sample.query_label for sample in samples}


def test_other_classes_are_in_no_video_of_the_split():
    assert set(by_video(asked()["other"]).values()) <= {"skiing", "badminton"}
    # Badminton is similar to what is in the first video.
    assert by_video(asked()["other"])["test video 0"] == "skiing"


def test_siblings_are_absent_while_a_similar_class_is_there():
    assert by_video(asked()["sibling"]) == {"test video 0": "badminton"}


def test_elsewhere_is_in_another_video_of_the_split_and_not_in_this_one():
    found = by_video(asked()["elsewhere"])
    assert found["test video 0"] in ("chess", "rowing")
    assert found["test video 1"] in ("tennis", "rowing")
    assert found["test video 2"] == "tennis"  # chess is a distractor in it


def test_each_video_is_asked_once_a_kind_with_a_picture_that_is_not_its_own():
    for kind, samples in asked().items():
        assert len({sample.video_id for sample in samples}) == len(samples)
        for sample in samples:
            assert sample.sample_id.endswith(f"~{kind}")
            assert sample.query_label != sample.label


def test_the_same_seed_asks_the_same():
    assert asked(seed=3) == asked(seed=3)
