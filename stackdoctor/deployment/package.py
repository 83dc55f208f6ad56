"""`deployment package DIR`: the zip of the Lambda functions, byte for byte the same wherever it is built.

in: the installed stackdoctor and what its handlers import. out: a zip of Python source, stored uncompressed (compression
differs between versions of zlib), sorted, with one fixed time. boto3 and botocore are left out: the runtime has them.
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

from __future__ import annotations

import ast
import hashlib
import io
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path, PurePosixPath

import stackdoctor
from stackdoctor.errors import CannotRun

IN_THE_RUNTIME = frozenset({"boto3", "botocore"})
NOT_FOR_LAMBDA = ("cli", "deployment", "_fixtures", "__main__.py")
"""Parts of stackdoctor that no handler imports."""
TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest a zip can hold."""


@dataclass(frozen=True, slots=True)
class Package:
    """The zip, and what is in it by distribution."""

    content: bytes
    contains: tuple[str, ...]

    @property
    def name(self) -> str:
        """Names the content, so that CloudFormation sees a new key when the code is new."""
        return f"stackdoctor-lambda-{stackdoctor.__version__}-{hashlib.sha256(self.content).hexdigest()[:12]}.zip"


def write(folder: Path) -> Path:
    """Builds the package into the folder, which is made where it is missing. Raises CannotRun."""
    package = build()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / package.name).write_bytes(package.content)
    except OSError as error:
        raise CannotRun(f"{folder / package.name}: cannot be written: {error.strerror}.") from error
    return folder / package.name


def build() -> Package:
    """The package, from what is installed."""
    own = dict(_own())
    others = sorted({_distribution_of(name) for name in imported(own.values())}, key=lambda found: found.name)
    files = own | {name: content for other in others for name, content in _files(other)}
    named = (f"{other.name} {other.version}" for other in others)
    return Package(_zip(files), (f"stackdoctor {stackdoctor.__version__}", *named))


def _own() -> Iterator[tuple[str, bytes]]:
    root = Path(stackdoctor.__file__).parent
    for path in root.rglob("*.py"):
        inside = path.relative_to(root)
        if inside.parts[0] not in NOT_FOR_LAMBDA:
            yield f"stackdoctor/{inside.as_posix()}", path.read_bytes()


def imported(sources: Iterable[bytes]) -> set[str]:
    """The packages, by the name they are imported as, that neither Python nor the runtime has, nor are stackdoctor itself."""
    found = set[str]()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Import(names=names):
                    found |= {name.name.split(".")[0] for name in names}
                case ast.ImportFrom(module=str() as module, level=0):
                    found.add(module.split(".")[0])
    return found - set(sys.stdlib_module_names) - IN_THE_RUNTIME - {"stackdoctor"}


def _distribution_of(package: str) -> Distribution:
    """What was installed for an import. A package whose own imports are not installed with it would not work here either."""
    named = [name for name in packages_distributions().get(package, []) if not name.lower().endswith(("clib", "clibz"))]
    if not named:
        raise CannotRun(f"{package} is imported and not installed.")
    return distribution(named[0])


def _files(found: Distribution) -> Iterator[tuple[str, bytes]]:
    """Its Python source, and its licence."""
    for file in found.files or ():
        path = PurePosixPath(file.as_posix())
        is_licence = path.parts[0].endswith(".dist-info") and path.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "METADATA"))
        if ".." not in path.parts and (path.suffix == ".py" or is_licence):
            yield str(path), Path(str(found.locate_file(file))).read_bytes()


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, TIME)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return out.getvalue()
