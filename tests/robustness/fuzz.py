"""Fuzzing what strangers write: --events documents, --from folders, policies. `python tests/robustness/fuzz.py SECONDS [SEED]`

Real documents are mangled, as values and as bytes, and each goes through the whole command line. Whatever comes: an exit code of
the contract, a valid document or one line, and an answer in time. A failure is shrunk by hypothesis and printed as the input it takes.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from lab import attempts
from lab.world import World

from robustness.command import VALIDATOR, Account, Ran, account, run
from robustness.large import big_policy

LONGEST = 10.0
"""Seconds that one input may take."""
EXAMPLES = 50
"""Inputs between two looks at the clock."""

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(
        [
            *(
                "",
                "*",
                "?",
                "${aws:SourceAccount}",
                "${",
                "arn:",
                "arn:aws:s3:::",
                "arn:aws:kms:::key/",
                "2012-10-17",
                "Allow",
                "Deny",
                "User Initiated",
            ),
            *(
                "CREATE_FAILED",
                "UPDATE_ROLLBACK_FAILED",
                "DELETE_IN_PROGRESS",
                "ROLLBACK_COMPLETE",
                "REVIEW_IN_PROGRESS",
                "_FAILED",
                "IMPORT_",
            ),
            *(
                "AWS::CloudFormation::Stack",
                "AWS::CloudTrail::Trail",
                "AWS::RDS::DBInstance",
                "AWS::",
                "2026-11-20T09:00:00Z",
                "9999-99-99",
                "\ud800",
            ),
            *(
                "x" * 5000,
                "[" * 200,
                "{" * 200,
                '{"a":' * 150,
                "1e999",
                "\x1b[31m",
                "\u202e",
                "Embedded stack arn:aws:cloudformation:::stack/x/y was not",
            ),
        ]
    ),
    st.just(10**400),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)), max_leaves=8
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, the value itself included."""
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:40]):
            found += places(item, (*path, index))
    return found


def at(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """The value with what stands at a place changed; the same where the place is gone."""
    if not path:
        return change(value)
    key, *rest = path
    if isinstance(value, dict) and key in value:
        return {**value, key: at(value[key], tuple(rest), change)}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return [*value[:key], at(value[key], tuple(rest), change), *value[key + 1 :]]
    return value


def alike(value: Any) -> st.SearchStrategy[Any]:
    """Another value of the same type, which passes the door where one of any type does not."""
    match value:
        case bool():
            return st.booleans()
        case str():
            return SCALARS.filter(lambda drawn: isinstance(drawn, str)) | st.sampled_from(
                [value[: len(value) // 2], value * 2, value.upper(), f" {value}"]
            )
        case list():
            return st.permutations(value) if len(value) < 30 else st.just(value[::-1])
        case dict():
            return st.just(dict(reversed(list(value.items())))) | st.just(dict(list(value.items())[::2]))
        case _:
            return SCALARS


@st.composite
def mangled(draw: st.DrawFn, document: Any, *, inner: bool = True) -> Any:
    """A document with a few places replaced, removed, doubled or wrapped; JSON within a text is mangled as JSON."""
    known = places(document)
    for _ in range(draw(st.integers(1, 5))):
        path = draw(st.sampled_from(known))
        match draw(st.sampled_from(["alike", "alike", "alike", "alike", "any", "remove", "double", "wrap"])):
            case "alike":
                old = look(document, path)
                within = _parsed(old) if inner else None
                new = json.dumps(draw(mangled(within, inner=False))) if within is not None else draw(alike(old))
                document = at(document, path, lambda _, new=new: new)
            case "any":
                new = draw(VALUES)
                document = at(document, path, lambda _, new=new: new)
            case "remove" if path:
                document = at(document, path[:-1], lambda old, key=path[-1]: _without(old, key))
            case "double":
                document = at(document, path, lambda old: [*old, *old] if isinstance(old, list) else old)
            case "wrap":
                document = at(document, path, lambda old: {"Fn::GetAtt": [old, "Arn"]} if isinstance(old, str) else [old])
    return document


def look(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        known = (isinstance(value, dict) and key in value) or (isinstance(value, list) and isinstance(key, int) and key < len(value))
        value = value[key] if known else None
    return value


def _parsed(text: Any) -> Any:
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _without(old: Any, key: Any) -> Any:
    if isinstance(old, dict):
        return {name: item for name, item in old.items() if name != key}
    return [item for index, item in enumerate(old) if index != key] if isinstance(old, list) else old


@st.composite
def as_bytes(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> bytes:
    """The text of a document, once in a while with a few bytes of it changed."""
    text = bytearray(json.dumps(draw(documents), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 3]))):
        where = draw(st.integers(0, max(0, len(text) - 1)))
        match draw(st.sampled_from(["cut", "insert", "flip"])):
            case "cut":
                del text[where : where + draw(st.integers(1, 200))]
            case "insert":
                text[where:where] = draw(st.binary(max_size=20))
            case "flip" if text:
                text[where] ^= draw(st.integers(1, 255))
    return bytes(text)


# -------------------------------------------------------------------------------------------------------------- what holds
@dataclass
class Count:
    inputs: int = 0
    codes: dict[str, int] = field(default_factory=dict)

    def take(self, ran: Ran, *, document: bool) -> None:
        self.inputs += 1
        self.codes[str(ran.code)] = self.codes.get(str(ran.code), 0) + 1
        holds(ran, document=document)


def holds(ran: Ran, *, document: bool) -> None:
    """An input that names no stack to choose, or several, is a wrong command line (2)."""
    assert ran.seconds < LONGEST, f"{ran.seconds:.1f} s"
    assert "Traceback" not in ran.err
    assert "internal error" not in ran.err, ran.err
    assert ran.code in {0, 1, 2, 3, 4}
    if ran.code in {2, 4}:
        assert not ran.out
        assert ran.err.count("\n") == 1
    elif document:
        VALIDATOR.validate(ran.report)


@dataclass
class Seeds:
    """Real documents to begin with."""

    events: Any
    kept: Path
    policy: Any
    key_policy: Any

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.kept.rglob("*.json") if "fixes" not in path.parts)


def seeds(here: Account, folder: Path) -> Seeds:
    world = World()
    told = attempts.four_updates(world, evidence="there")
    here.become(world)
    here.diagnose(told.stack, "--save", str(folder / "kept"))
    events = json.loads(json.dumps({"StackEvents": world.stacks[told.arn]["events"][::-1][:40]}, default=str))
    return Seeds(
        events, folder / "kept", world.buckets[told.bucket]["policy"], big_policy(3000, last=world.keys[told.key]["policy"]["Statement"][1])
    )


def try_events(given_: Seeds, count: Count, data: bytes, output: str) -> None:
    count.take(run("diagnose", "--events", "-", "-o", output, stdin=data), document=output == "json")


def try_folder(given_: Seeds, count: Count, which: int, data: bytes) -> None:
    path = given_.files[which % len(given_.files)]
    before = path.read_bytes()
    try:
        path.write_bytes(data)
        count.take(run("diagnose", "--from", str(given_.kept), "-o", "json"), document=True)
    finally:
        path.write_bytes(before)


def try_policy(given_: Seeds, count: Count, folder: Path, data: bytes, action: str) -> None:
    place = folder / "policy.json"
    place.write_bytes(data)
    words = (
        "--principal",
        "cloudtrail.amazonaws.com",
        "--action",
        action,
        "--context",
        "aws:SourceArn=arn:aws:cloudtrail:us-east-1:1:trail/t",
    )
    count.take(run("explain", str(place), *words, "--unknown", "kms:ViaService", "-o", "json"), document=False)


def fuzz(seconds: float, number: int | None = None) -> Count:
    """Runs until the time is over. Raises what failed first, shrunk."""
    count, end = Count(), time.monotonic() + seconds
    with TemporaryDirectory(prefix="stackdoctor-fuzz-") as name, account() as here:
        folder = Path(name)
        real = seeds(here, folder)
        kept = [json.loads(path.read_text()) for path in real.files]
        everywhere = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )

        @everywhere
        @given(as_bytes(mangled(real.events)), st.sampled_from(["json", "json", "text", "markdown"]))
        def events(data: bytes, output: str) -> None:
            try_events(real, count, data, output)

        @everywhere
        @given(st.integers(0, len(kept) - 1).flatmap(lambda which: st.tuples(st.just(which), as_bytes(mangled(kept[which])))))
        def kept_folder(drawn: tuple[int, bytes]) -> None:
            try_folder(real, count, *drawn)

        @everywhere
        @given(
            as_bytes(st.one_of(mangled(real.policy), mangled(real.key_policy))),
            st.sampled_from(["kms:GenerateDataKey", "kms:DescribeKey", "s3:PutObject", "s3:*"]),
        )
        def policies(data: bytes, action: str) -> None:
            try_policy(real, count, folder, data, action)

        turn = 0
        while time.monotonic() < end:
            target = (events, kept_folder, policies)[turn % 3]
            (seed(number + turn)(target) if number is not None else target)()
            turn += 1
        shutil.rmtree(real.kept, ignore_errors=True)
    return count


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    count = fuzz(seconds, int(sys.argv[2]) if len(sys.argv) > 2 else None)
    told = ", ".join(f"exit {code}: {number}" for code, number in sorted(count.codes.items()))
    print(f"{count.inputs} inputs in {seconds:.0f} s, none of them a traceback, an invalid document or a hang ({told})")


if __name__ == "__main__":
    main()
