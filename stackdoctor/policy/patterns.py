"""Text with wildcards and policy variables → matchers that are fast and linear.

A *pattern* is a string in which STAR and ONE stand for the wildcards `*` and `?`, so that a literal `*` (from `${*}`
or from the value of a variable) stays literal. A *template* is a value of the policy that holds variables; it becomes a
pattern once their values are known. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from stackdoctor.policy.results import Truth

STAR = "\ue02a"
ONE = "\ue03f"
_REPLACEMENT = "\ue000"
_WILD = re.compile(f"[{STAR}{ONE}]")
_VARIABLE = re.compile(r"\$\{([^,{}]*)(?:,\s*'([^']*)'\s*)?\}")
_LITERALS = frozenset("*?$")

Matcher = Callable[[str], bool]


def as_literal(text: str) -> str:
    """The pattern that matches exactly this text, or any text for the private characters that stand for wildcards."""
    if text.isascii():
        return text
    return text.replace(STAR, _REPLACEMENT).replace(ONE, _REPLACEMENT)


def as_glob(text: str) -> str:
    """The pattern of a text in which `*` and `?` are wildcards."""
    return as_literal(text).replace("*", STAR).replace("?", ONE)


def has_wildcard(pattern: str) -> bool:
    """Whether a pattern matches more than one text."""
    return STAR in pattern or ONE in pattern


@lru_cache(maxsize=4096)
def matcher(pattern: str) -> Matcher:
    """A function that tells whether a text matches; `*` runs over everything. Linear in the text for each part between stars."""
    if not has_wildcard(pattern):
        return lambda text: text == pattern
    head, *middle = pattern.split(STAR)
    if not middle:
        return lambda text: len(text) == len(pattern) and _fits(pattern, text, 0)
    tail = middle.pop()
    if not middle and not tail and ONE not in head:
        return lambda text: text.startswith(head)
    inner = tuple(part for part in middle if part)
    shortest = len(head) + len(tail) + sum(map(len, inner))
    return lambda text: _matches_parts(text, head, inner, tail, shortest)


def _matches_parts(text: str, head: str, inner: tuple[str, ...], tail: str, shortest: int) -> bool:
    end = len(text) - len(tail)
    if len(text) < shortest or not _fits(head, text, 0) or not _fits(tail, text, end):
        return False
    at = len(head)
    for part in inner:
        at = _find(part, text, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _fits(part: str, text: str, at: int) -> bool:
    if ONE not in part:
        return text.startswith(part, at)
    return all(want in (ONE, have) for want, have in zip(part, text[at : at + len(part)], strict=True))


def _find(part: str, text: str, start: int, end: int) -> int:
    if ONE not in part:
        return text.find(part, start, end)
    return next((at for at in range(start, end - len(part) + 1) if _fits(part, text, at)), -1)


@dataclass(frozen=True, slots=True, eq=False)
class PatternSet:
    """Several patterns, any of which may match; literals and prefixes are looked up, the rest is tried."""

    literals: frozenset[str]
    prefixes: tuple[str, ...]
    others: tuple[Matcher, ...]

    @classmethod
    def of(cls, patterns: Iterable[str]) -> PatternSet:
        literals, prefixes, others = [], [], []
        for pattern in patterns:
            if not has_wildcard(pattern):
                literals.append(pattern)
            elif pattern.endswith(STAR) and not has_wildcard(pattern[:-1]):
                prefixes.append(pattern[:-1])
            else:
                others.append(matcher(pattern))
        return cls(frozenset(literals), tuple(prefixes), tuple(others))

    def matches(self, text: str) -> bool:
        if text in self.literals or text.startswith(self.prefixes):
            return True
        return any(match(text) for match in self.others) if self.others else False


# ---------------------------------------------------------------------------------------------- ARNs, by component
@lru_cache(maxsize=4096)
def arn_matcher(pattern: str) -> Callable[[str], Truth]:
    """ArnLike and ArnEquals: each of the six components on its own. A lone `*` matches every ARN.

    A shorter pattern that ends in `*` is no ARN; whether AWS lets it match is not documented, so it may.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN
    """
    parts = pattern.split(":", 5)
    if pattern == STAR:
        return is_arn
    if len(parts) < 6:
        whole = matcher(pattern)
        return (lambda text: None if whole(text) else False) if pattern.endswith(STAR) else (lambda _: False)
    if not any(has_wildcard(part) for part in parts[:5]):
        return matcher(pattern)
    matchers = tuple(matcher(part) for part in parts)
    return lambda text: _matches_components(matchers, text)


def is_arn(text: str) -> bool:
    """Whether a text has the six components of an ARN."""
    return text.startswith("arn:") and text.count(":") >= 5


def _matches_components(matchers: tuple[Matcher, ...], text: str) -> bool:
    components = text.split(":", 5)
    return len(components) == 6 and all(match(component) for match, component in zip(matchers, components, strict=True))


# ---------------------------------------------------------------------------------------------- policy variables
@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`; the key is lowercased, as key names are case-insensitive."""

    key: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """A value that holds variables: patterns and variables in turn."""

    text: str
    parts: tuple[str | Variable, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(part.key for part in self.parts if isinstance(part, Variable))


def compile_text(text: str, *, wildcards: bool, variables: bool) -> str | Template:
    """A value of the policy as a pattern, or, where it holds variables, as a template."""
    read = as_glob if wildcards else as_literal
    if not variables or "${" not in text:
        return read(text)
    parts: list[str | Variable] = []
    at = 0
    for found in _VARIABLE.finditer(text):
        parts.append(read(text[at : found.start()]))
        at = found.end()
        name, default = found.group(1).strip(), found.group(2)
        parts.append(name if name in _LITERALS else Variable(name.lower(), default))
    parts.append(read(text[at:]))
    if any(isinstance(part, Variable) for part in parts):
        return Template(text, tuple(part for part in parts if part != ""))
    return "".join(part for part in parts if isinstance(part, str))
