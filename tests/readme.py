"""Keeps the README true: the shipped screen and the two tables are made here, and tests/test_readme.py compares.

python tests/readme.py          writes them anew
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from typer.testing import CliRunner

from stackdoctor.checks import CHECKS
from stackdoctor.cli import app
from stackdoctor.services import SERVICES

README = Path(__file__).parents[1] / "README.md"


def screen() -> str:
    """What `stackdoctor demo` prints."""
    return CliRunner().invoke(app, ["demo", "--color", "never"]).stdout.rstrip("\n")


def parts() -> dict[str, str]:
    """Every generated part by the mark it stands under."""
    checks = "\n".join(f"| `{check.id}` | {check.title} |" for check in CHECKS)
    rows = {}
    for service in SERVICES:
        caller = f"`{service.principal}`" if service.principal else "the deploying identity or a role"
        rows[", ".join(f"`{kind}`" for kind in service.resource_types)] = caller
    services = "\n".join(f"| {kinds} | {caller} |" for kinds, caller in rows.items())
    return {
        "screen: stackdoctor demo": f"```\n{screen()}\n```",
        "checks": f"| check | what it means |\n|---|---|\n{checks}",
        "services": f"| resource types | who calls S3 or KMS |\n|---|---|\n{services}",
    }


def renewed(text: str) -> str:
    """The README with its generated parts as they are now."""
    for mark, part in parts().items():
        pattern = re.compile(rf"(<!-- {re.escape(mark)} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = pattern.sub(lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text, count=1)
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{README} renewed\n")
