"""Rows of plain text → lines in aligned columns. Importing tabulate takes as long as all of the evaluator."""

from __future__ import annotations

from collections.abc import Sequence

GAP = "  "


def aligned(rows: Sequence[Sequence[object]], headers: Sequence[str] = ()) -> str:
    """The rows, below their headers if there are any; nothing stands behind a row's last word."""
    table = [[str(cell) for cell in row] for row in ([headers, *rows] if headers else rows)]
    columns = max(map(len, table), default=0)
    widths = [max((len(row[column]) for row in table if column < len(row)), default=0) for column in range(columns)]
    return "\n".join(GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in table)
