"""Kept evidence: every call with its answer or error, as JSON files below one folder; and the reader that replays it.

in (`Saver`, `SavingReader`): the calls of a live run. out: `index.json` and `<service>/<Operation>-<digest>.json`, each
{call: {service, operation, region, params}, answer | error}. Files are private (0600), whole (written beside, then
renamed) and never outside the folder. `FolderReader` reads such a folder as hostile: somebody else may have made it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stackdoctor import __version__, hostile
from stackdoctor.errors import BadEvidence, CannotRun
from stackdoctor.model import Calls
from stackdoctor.permissions import OPERATIONS
from stackdoctor.reader import Call, ErrorKind, Reader, ReadError
from stackdoctor.reads import ReadLog
from stackdoctor.scrub import scrub_secrets

if TYPE_CHECKING:
    from stackdoctor.redact import Redactor

T = TypeVar("T")

SCHEMA = "stackdoctor.evidence/v1"
MAX_FILES = 200_000
MAX_TOTAL_BYTES = 1024**3
"""All files of a folder together; bounds memory, since the whole folder is read before the diagnosis starts."""

_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_KEPT_NAME = re.compile(r"[A-Za-z]{1,64}-[0-9a-f]{16}\.json")
_CALL_SHAPE: hostile.Shape = {
    "call": {"service": str, "operation": str, "region": str, "params": dict},
    "answer": dict,
    "error": {"kind": str, "code": str, "message": str, "needs": [str], "hint": str},
}
_INDEX_SHAPE: hostile.Shape = {"schema": str, "tool_version": str, "stack": str, "region": str, "kept_at": str}


def _key(call: Call) -> str:
    return json.dumps([call.service, call.operation, call.region, call.params], sort_keys=True, default=str)


def file_name(call: Call) -> str:
    """Where a call is kept, below the folder; the same call has always the same name."""
    import hashlib  # noqa: PLC0415 - start-up: only keeping evidence needs it

    digest = hashlib.sha256(_key(call).encode()).hexdigest()[:16]
    return f"{call.service}/{call.operation}-{digest}.json"


# ------------------------------------------------------------------------------------------------------------- saving
class Saver:
    """Keeps evidence below one folder, which it makes. With a `redactor`, nothing is written before it is masked."""

    def __init__(self, folder: str | os.PathLike[str], *, stack: str = "", region: str = "", redactor: Redactor | None = None) -> None:
        self.folder = Path(folder)
        self._redactor = redactor
        self._index = {"schema": SCHEMA, "tool_version": __version__, "stack": stack, "region": region}
        self._index["kept_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            self._claim()
            self._write_index()
        except OSError as error:
            raise CannotRun(
                f"{self.folder}: cannot keep evidence there: {error.strerror or error}.", "Name another folder with --save."
            ) from None

    def keep(self, call: Call, outcome: Mapping[str, Any] | ReadError) -> None:
        """Keeps what one call gave. That a replay misses a call is no evidence, and not kept."""
        kept: dict[str, Any] = {
            "call": {"service": call.service, "operation": call.operation, "region": call.region, "params": dict(call.params)}
        }
        if isinstance(outcome, ReadError):
            if outcome.kind is ErrorKind.NOT_KEPT:
                return
            message = scrub_secrets(outcome.message)
            kept["error"] = {
                "kind": outcome.kind.value,
                "code": outcome.code,
                "message": message,
                "needs": list(outcome.needs),
                "hint": outcome.hint,
            }
        else:
            kept["answer"] = scrub_secrets(outcome)
        if self._redactor:
            kept = self._redactor.json(kept)
            call = Call(call.service, call.operation, call.region, kept["call"]["params"])
        self.write(file_name(call), _dump(kept))

    def finish(self) -> None:
        """Masks again what was written before the last name was found. To be called once, when all was read."""
        if self._redactor:
            for path in [self.folder / "index.json", *_kept_files(self.folder)]:
                text = path.read_text(encoding="utf-8")
                masked = _dump(self._redactor.json(json.loads(text)))
                if masked != text:
                    _write_whole(path, masked)

    def write(self, name: str, text: str) -> Path:
        """Writes one file below the folder, private and whole. Refuses a name that leads out of it, or through a link."""
        parts = name.split("/")
        if any(part in {"", ".", ".."} or "\\" in part or "\0" in part or ":" in part for part in parts):
            raise BadEvidence(f"{name!r}: refused, it is no plain name below {self.folder}.")
        place = self.folder
        try:
            for part in parts[:-1]:
                place = place / part
                place.mkdir(mode=0o700, exist_ok=True)
                self._refuse_link(place)
            self._refuse_link(place / parts[-1])
            return _write_whole(place / parts[-1], text)
        except OSError as error:
            raise CannotRun(f"{self.folder / name}: cannot be written: {error.strerror or error}.") from None

    def _refuse_link(self, path: Path) -> None:
        if path.is_symlink():
            raise BadEvidence(f"{path}: refused, it is a link.", "Name another folder with --save.")

    def _claim(self) -> None:
        self._refuse_link(self.folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise CannotRun(f"{self.folder}: not a folder.", "Name another folder with --save.")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self.folder.iterdir()):
            if not _is_evidence(self.folder):
                raise CannotRun(
                    f"{self.folder}: not empty and no evidence that stackdoctor kept.", "Name a new or empty folder with --save."
                )
            _remove_kept(self.folder)
        with suppress(OSError):
            self.folder.chmod(0o700)

    def _write_index(self) -> None:
        self.write("index.json", _dump(self._redactor.json(self._index) if self._redactor else self._index))


class SavingReader:
    """A reader that takes the secrets out of everything the reader behind it gives, and keeps it where there is a saver."""

    def __init__(self, inner: Reader, saver: Saver | None = None) -> None:
        self._inner, self._saver = inner, saver
        self.region = inner.region

    def read(self, call: Call) -> dict[str, Any]:
        try:
            answer = scrub_secrets(self._inner.read(call))
        except ReadError as error:
            clean = ReadError(call, error.kind, error.code, scrub_secrets(error.message), error.needs, error.hint)
            self._keep(call, clean)
            raise clean from None  # the cause carries the text with its secrets
        self._keep(call, answer)
        return answer

    def _keep(self, call: Call, outcome: dict[str, Any] | ReadError) -> None:
        if self._saver:
            self._saver.keep(call, outcome)

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        return self._inner.gather(*tasks)

    @property
    def calls(self) -> Calls:
        return self._inner.calls


def _dump(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _write_whole(path: Path, text: str) -> Path:
    beside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n", errors="backslashreplace") as file:
            file.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return path


def _is_evidence(folder: Path) -> bool:
    try:
        return bool(_read_index(folder))
    except BadEvidence:
        return False


def _remove_kept(folder: Path) -> None:
    """Removes what an earlier run kept, so that no answer of it mixes with this run's. Touches nothing else."""
    for path in _kept_files(folder):
        if _KEPT_NAME.fullmatch(path.name):
            path.unlink()


def _kept_files(folder: Path) -> Iterator[Path]:
    for place in sorted(folder.iterdir()):
        if _SERVICE.fullmatch(place.name) and place.name != "fixes":
            if place.is_symlink():
                raise BadEvidence(f"{place}: refused, it is a link.")
            if place.is_dir():
                yield from (path for path in sorted(place.iterdir()) if path.name.endswith(".json") and not path.name.startswith("."))


# ---------------------------------------------------------------------------------------------------------- replaying
class FolderReader:
    """Replays a kept folder. `stack` is what the run was asked for, `region` the stack's Region."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._log = ReadLog()
        index = _read_index(self.folder)
        self.stack: str = index.get("stack") or ""
        self.region: str = index.get("region") or ""
        self._kept: dict[str, dict[str, Any] | ReadError] = {}
        try:
            self._load()
        except OSError as error:
            raise BadEvidence(f"{error.filename or self.folder}: cannot be read: {error.strerror}.") from None
        self._aliases = self._other_names()

    def read(self, call: Call) -> dict[str, Any]:
        self._log.count(call)
        outcome = self._kept.get(_key(call))
        if outcome is None:
            outcome = self._kept.get(_key(self._renamed(call)))
        if outcome is None:
            raise ReadError(call, ErrorKind.NOT_KEPT, "NotKept", "not in the kept evidence", OPERATIONS.get(call.name, ()))
        if isinstance(outcome, ReadError):
            raise outcome
        return outcome

    def gather(self, *tasks: Callable[[], T]) -> list[T]:
        return self._log.gather(*tasks)

    @property
    def calls(self) -> Calls:
        return self._log.calls

    def _load(self) -> None:
        total = 0
        for number, path in enumerate(_kept_files(self.folder)):
            if number >= MAX_FILES:
                raise BadEvidence(f"{self.folder}: more than {MAX_FILES} files.")
            data = _read_bytes(path)
            total += len(data)
            if total > MAX_TOTAL_BYTES:
                raise BadEvidence(f"{path}: the folder is larger than {MAX_TOTAL_BYTES // 2**30} GB.")
            self._add(path, data)

    def _add(self, path: Path, data: bytes) -> None:
        name = str(path)
        kept = hostile.load(hostile.decode(data, name), name)
        call, outcome = _parse_kept(kept, name)
        if call.service != path.parent.name:
            raise BadEvidence(f"{name}: keeps a call to {call.service!r} in the folder of another service.")
        if self._kept.setdefault(_key(call), outcome) is not outcome:
            raise BadEvidence(f"{name}: keeps a call that another file keeps as well.")

    def _other_names(self) -> dict[str, str]:
        """A stack may be asked for by its name or its ARN, whichever the kept run used."""
        names: dict[str, str] = {}
        for key, outcome in self._kept.items():
            service, operation, _, params = json.loads(key)
            if (service, operation) == ("cloudformation", "DescribeStacks") and isinstance(outcome, dict):
                for stack in outcome.get("Stacks") or ():
                    names.update({other: params.get("StackName", "") for other in (stack.get("StackName"), stack.get("StackId")) if other})
        return names

    def _renamed(self, call: Call) -> Call:
        name = call.params.get("StackName")
        return (
            Call(call.service, call.operation, call.region, {**call.params, "StackName": self._aliases.get(name, name)}) if name else call
        )


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / "index.json"
    try:
        index = hostile.load(hostile.decode(_read_bytes(path), str(path)), str(path))
    except OSError as error:
        raise BadEvidence(f"{path}: cannot be read: {error.strerror}.", "--from takes a folder that --save wrote.") from None
    hostile.check(index, _INDEX_SHAPE, str(path))
    if not isinstance(index, dict) or index.get("schema") != SCHEMA:
        raise BadEvidence(f"{path}: its schema is not {SCHEMA}.", "--from takes a folder that --save wrote.")
    return index


def _read_bytes(path: Path) -> bytes:
    if path.is_symlink():
        raise BadEvidence(f"{path}: refused, it is a link.")
    if path.exists() and not path.is_file():
        raise BadEvidence(f"{path}: not a file.")
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        return file.read(hostile.MAX_BYTES + 1)


def _parse_kept(kept: Any, name: str) -> tuple[Call, dict[str, Any] | ReadError]:
    if not isinstance(kept, dict) or not isinstance(kept.get("call"), dict):
        raise BadEvidence(f"{name}: no kept call.")
    hostile.check(kept, _CALL_SHAPE, name)
    parts = kept["call"]
    call = Call(parts.get("service") or "", parts.get("operation") or "", parts.get("region") or "", parts.get("params") or {})
    answer, error = kept.get("answer"), kept.get("error")
    if (answer is None) == (error is None):
        raise BadEvidence(f"{name}: a kept call has either an answer or an error.")
    if answer is not None:
        hostile.check(answer, hostile.SHAPES.get(call.name, {}), name, "answer")
        scrubbed: dict[str, Any] = scrub_secrets(answer)
        return call, scrubbed
    failed: dict[str, Any] = error or {}
    try:
        kind = ErrorKind(failed.get("kind") or "")
    except ValueError:
        raise BadEvidence(f"{name}: {failed.get('kind')!r} is no kind of error.") from None
    return call, ReadError(
        call,
        kind,
        failed.get("code") or "",
        scrub_secrets(failed.get("message") or ""),
        failed.get("needs") or (),
        failed.get("hint") or "",
    )
