"""Entry point of ``stillseek`` and ``python -m stillseek``."""

import sys


def main() -> None:
    """Runs the command line and exits with its code."""
    from stillseek.cli.app import main as run

    sys.exit(run())


if __name__ == "__main__":
    main()
