"""ELAN's files as its schema has them (EAF 3.0)."""

from pathlib import Path

import pytest

from stillseek.data.own_videos.elan import read_elan
from stillseek.errors import DatasetError

from .conftest import found

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-03-05T10:11:12+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        {media}
        <PROPERTY NAME="lastUsedAnnotationId">4</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1500"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2750"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="4001"/>
        <TIME_SLOT TIME_SLOT_ID="ts4"/>
        <TIME_SLOT TIME_SLOT_ID="ts5" TIME_VALUE="{last}"/>
    </TIME_ORDER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="hands">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
                <ANNOTATION_VALUE>wave &amp; clap</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="{end}">
                <ANNOTATION_VALUE> </ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="gaze">
        <ANNOTATION>
            <ALIGNABLE_ANNOTATION ANNOTATION_ID="a3" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
                <ANNOTATION_VALUE>up</ANNOTATION_VALUE>
            </ALIGNABLE_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="note" PARENT_REF="gaze" TIER_ID="notes">
        <ANNOTATION>
            <REF_ANNOTATION ANNOTATION_ID="a4" ANNOTATION_REF="a3">
                <ANNOTATION_VALUE>unsure</ANNOTATION_VALUE>
            </REF_ANNOTATION>
        </ANNOTATION>
    </TIER>
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt"
        TIME_ALIGNABLE="true"/>
    <LINGUISTIC_TYPE CONSTRAINTS="Symbolic_Association" GRAPHIC_REFERENCES="false"
        LINGUISTIC_TYPE_ID="note" TIME_ALIGNABLE="false"/>
</ANNOTATION_DOCUMENT>"""
MEDIA = (
    '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/Users/Ann/My%20videos/talk.mp4" '
    'MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./day 1/talk.mp4"/>'
)


def write(folder: Path, *, media: str = MEDIA, end: str = "ts5", last: str = "9000") -> Path:
    path = folder / "talk.eaf"
    path.write_text(DOCUMENT.format(media=media, end=end, last=last), encoding="utf-8")
    return path


def test_aligned_annotations_of_all_tiers_are_activities(tmp_path: Path) -> None:
    read = read_elan(write(tmp_path), None)

    assert read.problems == ()
    assert read.elsewhere
    assert found(read) == [
        ("./day 1/talk.mp4", 1.5, 2.75, "wave & clap"),
        ("./day 1/talk.mp4", 4.001, 9.0, "hands"),  # says nothing itself
        ("./day 1/talk.mp4", 1.5, 4.001, "up"),
    ]
    assert read.rows[0].where == f"{tmp_path}/talk.eaf, annotation 'a1' of tier 'hands'"


def test_one_tier_is_read_where_it_is_named(tmp_path: Path) -> None:
    assert found(read_elan(write(tmp_path), "gaze")) == [("./day 1/talk.mp4", 1.5, 4.001, "up")]
    assert found(read_elan(write(tmp_path), "notes")) == []
    with pytest.raises(DatasetError, match="no tier 'feet'; it has 'hands', 'gaze', 'notes'"):
        read_elan(write(tmp_path), "feet")


def test_video_that_starts_later_than_the_others_keeps_its_own_time(tmp_path: Path) -> None:
    media = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///D:/My%20videos/b.mov" TIME_ORIGIN="250"/>'

    assert found(read_elan(write(tmp_path, media=media), "gaze")) == [("b.mov", 1.75, 4.251, "up")]


def test_broken_annotation_is_told_by_its_name(tmp_path: Path) -> None:
    where = f"{tmp_path}/talk.eaf, annotation 'a2' of tier 'hands'"
    for values, problem in (
        ({"end": "ts4"}, "TIME_SLOT_REF2 is 'ts4', which has no time; align it in ELAN"),
        ({"end": "ts9"}, "TIME_SLOT_REF2 is 'ts9', which has no time; align it in ELAN"),
        ({"end": "ts1"}, "the end, 1.5 s, is not after the start, 4.001 s"),
        ({"last": "NaN"}, "time slot 'ts5': 'NaN' is no whole number of milliseconds"),
    ):
        read = read_elan(write(tmp_path, **values), "hands")
        assert read.problems == (f"{where}: {problem}",)
        assert len(read.rows) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (MEDIA, "", "names no video; link one in ELAN"),
        (MEDIA, '<MEDIA_DESCRIPTOR MIME_TYPE="x"/>', "<MEDIA_DESCRIPTOR> has no MEDIA_URL"),
        ("ANNOTATION_DOCUMENT", "DOCUMENT", "is no file of ELAN"),
        ('"milliseconds"', '"PAL-frames"', "times are in PAL-frames, expected milliseconds"),
        ('TIER_ID="gaze"', 'NAME="gaze"', "<TIER> has no TIER_ID"),
    ],
)
def test_broken_file_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")

    with pytest.raises(DatasetError, match=message) as caught:
        read_elan(path, None)
    assert str(caught.value).startswith(f"{path}")
