"""`python -m stackdoctor` and the console script."""

from __future__ import annotations

import gc


def main() -> None:
    """Runs the command line; imports it only now, so that start-up costs what the command needs."""
    gc.set_threshold(100_000, 50, 50)  # a run is short, and next to nothing in it is garbage
    from stackdoctor.cli import run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
