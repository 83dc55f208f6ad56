"""`python -m stackdoctor` and the console script."""

from __future__ import annotations


def main() -> None:
    """Runs the command line; imports it only now, so that start-up costs what the command needs."""
    from stackdoctor.cli import run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
