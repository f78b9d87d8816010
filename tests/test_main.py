import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points

import pytest

from stillseek.__main__ import main
from stillseek.cli import app as cli


@pytest.fixture
def _restore_sigint() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.usefixtures("_restore_sigint")
def test_interrupt_before_the_command_line_can_say_it(monkeypatch, capsys) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)

    with pytest.raises(SystemExit) as exit_:
        main()

    assert exit_.value.code == cli.EXIT_INTERRUPTED
    assert capsys.readouterr() == ("", "error: interrupted\n")


def test_the_installed_command_is_this_one() -> None:
    (command,) = entry_points(group="console_scripts", name="stillseek")

    assert command.load() is main


def test_second_interrupt_ends_the_process_without_a_traceback() -> None:
    source = (
        "import atexit, os, signal, sys\n"
        "from stillseek.__main__ import main\n"
        "from stillseek.cli import doctor\n"
        "def interrupt(): os.kill(os.getpid(), signal.SIGINT)\n"
        "atexit.register(interrupt)\n"
        # A shell's background job ignores SIGINT, and its children do.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "doctor.examine = interrupt\n"
        "sys.argv = ['stillseek', 'doctor']\n"
        "main()\n"
    )

    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (-signal.SIGINT, "error: interrupted\n")
