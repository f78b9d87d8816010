from dataclasses import replace

import numpy as np
import pytest
from random_features import RandomFeatures
from samples import make_sample

from stillseek.data.several_pictures import SeveralPictures
from stillseek.errors import DatasetError
from stillseek.features import QueryFeatures

FEATURES = RandomFeatures(5, 60.0)


def asked(number: int, **values):
    name = {"sample_id": f"s{number}", "video_id": f"v{number}", "query_video_id": f"q{number}"}
    return make_sample(**{"split": "test", **name, **values})


SAMPLES = [
    *(asked(number, label="chess" if number == 1 else "violin") for number in range(5)),
    asked(9, split="train"),
]


def test_others_of_the_class_join_the_own_picture() -> None:
    several = SeveralPictures(FEATURES, SAMPLES, 2)

    found = several.load_query_features(SAMPLES[0])

    own = FEATURES.load_query_features(SAMPLES[0])
    possible = [
        QueryFeatures.as_one([own, FEATURES.load_query_features(SAMPLES[n])]) for n in (2, 3, 4)
    ]
    alike = [np.array_equal(found.global_feature, one.global_feature) for one in possible]
    assert sum(alike) == 1
    again = SeveralPictures(FEATURES, SAMPLES, 2).load_query_features(SAMPLES[0])
    np.testing.assert_array_equal(found.regions, again.regions)


def test_a_picture_of_another_split_is_joined_by_those_of_that_split() -> None:
    elsewhere = replace(SAMPLES[5], sample_id="more", query_video_id="q10")
    absent = asked(6, sample_id="absent", query_video_id="q10")

    found = SeveralPictures(FEATURES, [*SAMPLES, elsewhere], 2).load_query_features(absent)

    other = FEATURES.load_query_features(SAMPLES[5])
    one = QueryFeatures.as_one([FEATURES.load_query_features(absent), other])
    np.testing.assert_array_equal(found.global_feature, one.global_feature)


def test_one_picture_is_the_own_one() -> None:
    found = SeveralPictures(FEATURES, SAMPLES, 1).load_query_features(SAMPLES[0])
    np.testing.assert_array_equal(found.regions, FEATURES.load_query_features(SAMPLES[0]).regions)


def test_frames_of_the_video_do_not_join() -> None:
    own = replace(SAMPLES[0], query_video_id="elsewhere")
    frame = replace(SAMPLES[2], query_video_id=own.video_id)
    with pytest.raises(DatasetError, match="'test' has 1 that are no frames of its video; ask"):
        SeveralPictures(FEATURES, [own, frame], 2).load_query_features(own)


def test_classes_with_too_few_pictures_are_refused() -> None:
    with pytest.raises(DatasetError, match="needs 5 pictures of 'violin', and split 'test' has 4"):
        SeveralPictures(FEATURES, SAMPLES, 5).load_query_features(SAMPLES[0])


def test_videos_are_those_of_the_source() -> None:
    several = SeveralPictures(FEATURES, SAMPLES, 2)
    np.testing.assert_array_equal(
        several.load_video_features("v", None).clips, FEATURES.load_video_features("v", None).clips
    )
    assert several.load_grid("v", None) == FEATURES.load_grid("v", None)
