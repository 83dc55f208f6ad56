"""Text from AWS is untrusted: nothing in it may act on a terminal, a markdown table or a page.

Control characters, terminal escapes, bidirectional controls and line breaks are shown, not obeyed.
"""

from __future__ import annotations

import unicodedata

LONGEST = 2_000
"""Characters of one piece of AWS's text that a person is shown; json keeps all of it."""

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": " ", "\x1b": "\\x1b"}
_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]()#+!|~>$"} | {"<": "&lt;", "&": "&amp;"})


def plain(text: str, longest: int = LONGEST) -> str:
    """One line that is safe on a terminal: what is not printable is written as an escape; cut after `longest`, and says so."""
    cut = text[:longest]
    if not cut.isprintable():
        cut = "".join(_shown(character) for character in cut)
    return cut + (f" … ({len(text) - longest:,} more characters)" if len(text) > longest else "")


def _shown(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character.isprintable() and unicodedata.category(character) not in {"Cf", "Cc", "Co", "Cs", "Zl", "Zp"}:
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def block(text: str, longest: int = 20_000) -> str:
    """Several lines (a policy document, a diff) made safe line by line; tabs stay."""
    lines = text[:longest].split("\n")
    shown = "\n".join("\t".join(plain(part, longest) for part in line.split("\t")) for line in lines)
    return shown + (f"\n… ({len(text) - longest:,} more characters)" if len(text) > longest else "")


def markdown(text: str, longest: int = LONGEST) -> str:
    """One line that is text and nothing else in GitHub-flavoured markdown, also inside a table."""
    return plain(text, longest).translate(_MARKDOWN)


def fence(text: str) -> str:
    """A fence longer than any run of backticks in the text."""
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return "`" * max(3, longest + 1)


def page(text: str) -> str:
    """Safe inside HTML or XML text and attributes."""
    import html  # noqa: PLC0415 - start-up: every command imports this module

    return html.escape(plain(text), quote=True)
