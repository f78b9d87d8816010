"""Entry point of ``stillseek`` and ``python -m stillseek``."""

import io
import signal
import sys

_EXIT_INTERRUPTED = 130


def main() -> None:
    """Runs the command line and exits with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names may hold what the terminal, or no encoding at all, has letters for.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from stillseek.cli.quiet import VERBOSE, silence_libraries

        if VERBOSE not in sys.argv:
            silence_libraries()
        from stillseek.cli.app import main as run

        code = run()
    # Before the command line is there to say it, or while it says it.
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        code = _EXIT_INTERRUPTED
    if code == _EXIT_INTERRUPTED:
        # Another Ctrl-C has nothing more to tidy up: it ends the process, without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


if __name__ == "__main__":
    main()
