"""Rows of plain text → lines in aligned columns, by tabulate. Imported only when there is a table to print."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[object]], headers: Sequence[str] = ()) -> str:
    """The rows, below their headers if there are any; nothing stands behind a row's last word."""
    from tabulate import tabulate  # noqa: PLC0415 - start-up: it takes as long to import as all of the evaluator

    table = tabulate([[str(cell) for cell in row] for row in rows], headers, tablefmt="plain", disable_numparse=True)
    return "\n".join(line.rstrip() for line in table.splitlines())
