from pathlib import Path

import pytest

from stillseek.data.own_videos.markup import read_xml
from stillseek.errors import DatasetError

LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [
  <!ENTITY a "ha">
  <!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
  <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<annotations>&c;</annotations>"""
OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><annotations>&f;</annotations>'


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "tracks.xml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_elements_are_read_in_the_encoding_that_they_name(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><a b="fête"><c/></a>'

    root = read_xml(write(tmp_path, text.encode("latin-1")))

    assert (root.tag, root.get("b"), len(root)) == ("a", "fête", 1)


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE, "<!DOCTYPE x><x/>"])
def test_declared_entities_are_refused_before_they_are_read(text: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"tracks\.xml: it begins with <!DOCTYPE \w+>"):
        read_xml(write(tmp_path, text))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"not valid XML at line 1, column 0 \(no element found"),
        ("<a>\n <b>", r"at line 2, column 4 \(no element found.*; is the file cut"),
        ("<a>&c;</a>", "undefined entity"),
        (b"\xff\xfe\x00", "not valid XML"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', r"not valid XML .*unknown encoding"),
    ],
)
def test_what_is_no_xml_is_refused_in_one_line(
    content: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_xml(write(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*none\.xml: No such file"):
        read_xml(tmp_path / "none.xml")
