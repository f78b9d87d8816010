from pathlib import Path

import pytest

from stillseek.errors import DatasetError, UsageError
from stillseek.localize.pair_table import Pair, pairs_of, read_pairs


def write(folder: Path, text: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_table_has_pairs_with_files_beside_it(delimiter: str, tmp_path: Path) -> None:
    text = (
        '\ufeffImage|video|note|Box|label\nq/a.png|v/1.mp4|x|"5,7,31,23"|jump\n'
        f"|||\nq/a.png|v/1.mp4|y|5,7,31,23|jump\n{tmp_path}/b.png|2.mp4\n"
    )
    # Between commas a box needs its quotes.
    text = text.replace("|5,7,31,23|", '|"5,7,31,23"|').replace("|", delimiter)

    assert read_pairs(write(tmp_path, text)) == [
        Pair(
            video=tmp_path / "v/1.mp4", image=tmp_path / "q/a.png", box=(5, 7, 31, 23), label="jump"
        ),
        Pair(video=tmp_path / "2.mp4", image=tmp_path / "b.png"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header has no column 'video'; expected video,image and if wanted"),
        ("video,picture\n", "line 1: the header has no column 'image'"),
        ("video,image\n", "has no row; expected one a pair of video and image"),
        ("video,image\n,q.png\n", "line 2: video is missing"),
        ("video,image\nv.mp4\n", "line 2: image is missing"),
        ("video,image,box\nv.mp4,q.png,1\n", "line 2: box is '1', expected x,y,w,h"),
        ("video,image,box\nv.mp4,q.png,1,2,3,4\n", "line 2: 6 columns where the header has 3; put"),
        ('video,image\nv.mp4,"q.png\n', "line 2: not valid CSV"),
    ],
)
def test_broken_table_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"pairs\.csv") as caught:
        read_pairs(write(tmp_path, text))
    assert message in str(caught.value)
    with pytest.raises(DatasetError, match=r"cannot read .*none\.csv"):
        read_pairs(tmp_path / "none.csv")
    (tmp_path / "v.mp4").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(
        DatasetError, match=r"v\.mp4 is not UTF-8 text; expected a CSV table of pairs"
    ):
        read_pairs(tmp_path / "v.mp4")


def test_every_picture_goes_with_every_video(tmp_path: Path) -> None:
    for name in ("q/b/two.PNG", "q/one.jpg", "q/.hidden.png", "q/notes.txt", "v/2.mp4", "v/1.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    pairs = pairs_of([tmp_path / "v"], tmp_path / "q")

    assert [(pair.image.name, pair.video.name, pair.label) for pair in pairs] == [
        *(("two.PNG", "1.mp4", "two"), ("two.PNG", "2.mp4", "two")),
        *(("one.jpg", "1.mp4", "one"), ("one.jpg", "2.mp4", "one")),
    ]
    with pytest.raises(UsageError, match=r"there is no picture in .*v; expected files that end in"):
        pairs_of([tmp_path / "v"], tmp_path / "v")
    with pytest.raises(UsageError, match="there is no video file in"):
        pairs_of([tmp_path / "q"], tmp_path / "q")
