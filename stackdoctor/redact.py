"""--redact: masks account ids, names of people and access-key ids in whatever is printed or saved.

in: a text or JSON value. out: the same with every account id replaced by another one of the same length, every name of
a person (session and user names in ARNs, user names of event history, e-mail addresses, owners in tags) by a mask.
A mask depends on the original and on a random key of this run alone: one account has one mask in every output, whatever
the order, ARNs stay valid, equal stays equal, and without the key there is no way back. So a diagnosis of redacted
evidence is the redacted diagnosis. Masking what is masked already changes nothing.

A name can only be found where it stands in a place for names. Once found it is also masked where it stands alone, if it
has the looks of a name (`jane.doe`, not `admin`): feed all evidence through before the last output.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from stackdoctor.scrub import KEY_ID, KEY_ID_MASK
from stackdoctor.scrub import scrub_secrets as scrub_secrets  # noqa: PLC0414 - its place for everybody else

T = TypeVar("T")

AWS_OWNED = frozenset(
    {
        *("009996457667", "027434742980", "033677994240", "048591011584", "054676820928", "076674570225", "098369216593", "114774131450"),
        *("127311923021", "156460612806", "190560391635", "383597477331", "507241528517", "582318560864", "589379963580", "600734575887"),
        *("635631232127", "652711504416", "718504428378", "754344448648", "783225319266", "797873946194", "897822967062", "985666609251"),
    }
)
"""Accounts of AWS itself, public, that a bucket policy names in place of a service principal; masked, the policy would mean another thing.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
"""

MAX_NAME = 128
"""A session name has at most 64 characters, a user name as well, a tag's value 256."""

_NAME = r"[\w+=,.@-]*[\w+=@-]"
_SLASH = r"(?:/|\\/|%2[Ff])"
_LITERAL = r"(?![\w+=,.@-]*[*?$])"
_IN_ARN = re.compile(
    rf"(:assumed-role{_SLASH}[\w+=,.@-]+{_SLASH}|:federated-user{_SLASH}|:iam::\d{{12}}:user{_SLASH}(?:[\w+=,.@-]+{_SLASH})*"
    rf"|(?<![A-Z0-9])(?:AROA|AIDA)[A-Z0-9]{{12,}}:){_LITERAL}({_NAME})"
)
_NAME_KEYS = ("userName", "Username", "UserName", "roleSessionName", "RoleSessionName", "sourceIdentity", "SourceIdentity")
_BY_KEY = re.compile(rf"""((?<!\w)(?:{"|".join(_NAME_KEYS)})(?:\\*["'])?\s*:\s*(?:\\*["'])?)([^"'\\\n,{{}}]{{1,128}})""")
_ROLE = re.compile(rf":role/(?:[\w+=,.@-]+/)*({_NAME})")
"""Event history also calls a role `userName`; its ARN beside it tells."""
_PERSON_TAG = r"[\w:.-]{0,64}(?:owner|creator|created-?by|contact|author|requester|maintainer|e-?mail)[\w:.-]{0,64}"
_TAG_KEY = re.compile(_PERSON_TAG, re.IGNORECASE)
_IN_TAG = re.compile(
    rf"""(?i)(\bKey(?:\\*["'])?\s*:\s*(?:\\*["'])?{_PERSON_TAG}(?:\\*["'])?\s*,?\s*(?:\\*["'])?Value(?:\\*["'])?\s*:\s*(?:\\*["'])?)([^"'\\\n{{}}]{{1,128}})"""
)
_ESCAPED = r"(?:(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2})|(?<![\w.+%=\\-]))"
_MAIL = re.compile(rf"{_ESCAPED}([\w.+=%-]{{1,64}}(?:@|%40)(?:[A-Za-z0-9-]{{1,63}}\.){{1,8}}[A-Za-z]{{2,63}})")
_DIGITS = re.compile(
    r"(?<=\\u[0-9a-fA-F]{4})\d{12,}|(?<=%[0-9a-fA-F]{2})\d{12,}|(?<![\d%])(?<!\\u)\d{12,}|(?:(?<=%)|(?<=\\u))\d{12,13}(?!\d)", re.ASCII
)
_DASHED = re.compile(r"(?<![\w-])(\d{4})-(\d{4})-(\d{4})(?![\w-])", re.ASCII)
_UNIQUE_ID = re.compile(r"(?<![A-Z0-9])(AROA|AIDA|AGPA|ANPA|ANVA|AIPA)([A-Z0-9]{12,})(?![A-Za-z0-9])")
_CANONICAL = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{64}(?![0-9A-Za-z])")
_NO_PERSON = re.compile(r"root|AWSService|HIDDEN\w*|\*+|.*\.amazonaws\.com|name-[0-9a-f]{8}(?:@example\.com)?|[!${\[].*", re.DOTALL)
_NAME_LIKE = re.compile(r"(?=.{5,})[\w+=,.@-]*\w[+=,.@_-]\w[\w+=,.@-]*")


class Redactor:
    """The masks of one run. Two redactors with different keys mask differently; `key` is for tests."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._masks: dict[str, str] = {}
        self._names: set[str] = set()
        self._names_pattern: re.Pattern[str] | None = None

    def text(self, text: str) -> str:
        """A text, also one that holds JSON or YAML, without account ids and names."""
        text = KEY_ID.sub(KEY_ID_MASK, text)
        text = _MAIL.sub(lambda match: self._mail(match[1]), text)
        text = _IN_ARN.sub(lambda match: match[1] + self._name(match[2]), text)
        roles = frozenset(_ROLE.findall(text))
        text = _BY_KEY.sub(lambda match: match[1] + (match[2] if match[2] in roles else self._name(match[2])), text)
        text = _IN_TAG.sub(lambda match: match[1] + self._name(match[2]), text)
        text = self._bare_names(text)
        text = _CANONICAL.sub(lambda match: self._hex(match[0]), text)
        text = _UNIQUE_ID.sub(lambda match: match[1] + self._letters(match[2]), text)
        text = _DASHED.sub(lambda match: "-".join(re.findall("....", self._digits("".join(match.groups())))), text)
        return _DIGITS.sub(lambda match: self._digits(match[0]), text)

    def json(self, value: T) -> T:
        """A JSON value, its keys as well."""
        masked: T = self._json(value)
        return masked

    @property
    def names(self) -> frozenset[str]:
        """The names found so far that are masked wherever they stand alone."""
        return frozenset(self._names)

    def _json(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key) if isinstance(key, str) else key: self._member(key, child, value) for key, child in value.items()}
            case list() | tuple():
                return [self._json(child) for child in value]
            case bool():
                return value
            case int() if abs(value) >= 10**11:
                return int(self.text(str(value)))
        return value

    def _member(self, key: object, child: Any, parent: dict[Any, Any]) -> Any:
        if isinstance(child, str) and self._holds_name(key, parent):
            return self.text(self._name(child))
        return self._json(child)

    def _holds_name(self, key: object, parent: dict[Any, Any]) -> bool:
        if key in _NAME_KEYS:
            return parent.get("type") != "Role"
        if key == "PhysicalResourceId":
            return parent.get("ResourceType") == "AWS::IAM::User"
        tag = parent.get("Key")
        return key == "Value" and isinstance(tag, str) and bool(_TAG_KEY.fullmatch(tag))

    # ------------------------------------------------------------------------------------------------------ the masks
    def _name(self, name: str) -> str:
        bare = name.strip()
        if not bare or _NO_PERSON.fullmatch(bare) or any(sign in bare for sign in "*?$"):
            return name
        if len(bare) <= MAX_NAME and bare not in self._names and _NAME_LIKE.fullmatch(bare):
            self._names.add(bare)
            self._names_pattern = None
        return self._mail(bare) if re.fullmatch(_MAIL, bare) else f"name-{self._hash(bare)[:8]}"

    def _mail(self, mail: str) -> str:
        if _NO_PERSON.fullmatch(mail):
            return mail
        return f"name-{self._hash(mail)[:8]}@example.com"

    def _bare_names(self, text: str) -> str:
        if not self._names:
            return text
        if self._names_pattern is None:
            names = "|".join(re.escape(name) for name in sorted(self._names, key=lambda name: (-len(name), name)))
            self._names_pattern = re.compile(rf"{_ESCAPED}({names})(?![\w+=@-]|[.,]\w)")
        return self._names_pattern.sub(lambda match: self._name(match[1]), text)

    def _digits(self, digits: str) -> str:
        if digits in AWS_OWNED or digits in self._masks:
            return self._masks.get(digits, digits)
        return self._remember(digits, lambda number: self._number(f"{digits}/{number}", len(digits)))

    def _number(self, text: str, length: int) -> str:
        """Digits, the first of them no zero: where the id stands as a number, it keeps its length."""
        first, *rest = self._bytes(text, length)
        return f"{1 + first % 9}{''.join(str(byte % 10) for byte in rest)}"

    def _letters(self, letters: str) -> str:
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        return self._remember(
            letters, lambda number: "".join(alphabet[byte % 32] for byte in self._bytes(f"{letters}/{number}", len(letters)))
        )

    def _hex(self, text: str) -> str:
        return self._remember(text, lambda number: self._hash(f"{text}/{number}"))

    def _remember(self, original: str, make: Callable[[int], str]) -> str:
        """The mask of an original; a mask is its own mask, so that masking twice is masking once."""
        if original not in self._masks:
            number = 0
            while (mask := make(number)) in self._masks or mask == original or mask in AWS_OWNED:
                number += 1
            self._masks[original] = mask
            self._masks[mask] = mask
        return self._masks[original]

    def _hash(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _bytes(self, text: str, length: int) -> bytes:
        return hashlib.shake_256(bytes.fromhex(self._hash(text))).digest(length)
