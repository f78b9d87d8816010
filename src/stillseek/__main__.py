"""Entry point of ``stillseek`` and ``python -m stillseek``."""


def main() -> None:
    """Runs the command line."""
    from stillseek.cli import app

    app()


if __name__ == "__main__":
    main()
