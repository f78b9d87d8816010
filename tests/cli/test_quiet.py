import os
import subprocess
import sys
import warnings

import pytest

from stillseek.cli import app as cli
from stillseek.cli.quiet import is_own
from stillseek.errors import TruncatedMediaWarning

# A library of this name says something in each way there is, then the verb fails.
SOURCE = """
import logging, os, sys, warnings
from stillseek.__main__ import main
from stillseek.cli import doctor

def examine():
    os.write(2, b"native notice\\n")
    logging.getLogger("library").error("logged notice")
    warnings.warn_explicit("old notice", UserWarning, "library.py", 3)
    os.system("echo child notice >&2")
    raise OSError(28, "No space left on device", "disk")

doctor.examine = examine
main()
"""
OWN = b"error: cannot use disk (No space left on device); make room on its disk\n"


def run_source(source: str, *words: str) -> tuple[int, bytes, bytes]:
    done = subprocess.run([sys.executable, "-c", source, *words], capture_output=True)
    return done.returncode, done.stdout, done.stderr


def test_libraries_are_heard_only_where_wanted() -> None:
    assert run_source(SOURCE, "doctor") == (1, b"", OWN)
    *quiet, told = run_source(SOURCE, "doctor", "--verbose")
    others = b"native notice\n", b"logged notice\n", b"warning: old notice\n", b"child notice\n"
    assert quiet == [1, b""]
    assert sorted(told.splitlines(keepends=True)) == sorted([*others, OWN])


def test_the_screen_takes_names_that_are_no_text() -> None:
    source = (
        "import os\n"
        "from stillseek.__main__ import main\n"
        "from stillseek.cli import doctor\n"
        "doctor.examine = lambda: print(os.fsdecode(b'latin\\xe9')) or exit()\n"
        "main()"
    )

    assert run_source(source, "doctor")[1:] == (b"latin\\udce9\n", b"")


def test_a_closed_error_stream_is_no_failure() -> None:
    source = "import os; os.close(2)\nfrom stillseek.__main__ import main\nmain()"

    code, printed, _ = run_source(source, "--version")

    assert code == 0
    assert printed.strip()


def test_own_warnings_are_shown_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warn(*_: object, **__: object) -> int:
        warnings.simplefilter("always")
        warnings.warn("v.mp4 ends early", TruncatedMediaWarning, stacklevel=1)
        warnings.warn_explicit("deprecated", UserWarning, f"{os.sep}site{os.sep}lib.py", 1)
        return 0

    monkeypatch.setattr(cli, "app", warn)

    assert cli.main([]) == 0
    assert capsys.readouterr().err == "warning: v.mp4 ends early\n"
    assert cli.main(["--verbose"]) == 0
    assert capsys.readouterr().err == "warning: v.mp4 ends early\nwarning: deprecated\n"
    assert is_own(UserWarning, cli.__file__)
