"""The Lambda package: reproducible, pure Python, without what the runtime has, and whole."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from end_to_end.command import stackdoctor
from lab.fake_aws import FakeAWS
from lab.world import World

from deployment.lambda_home import Home
from stackdoctor.deployment import package as packaging
from stackdoctor.errors import CannotRun

HANDLERS = ("diagnose", "scan", "reduce")


def names(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as archive:
        return archive.namelist()


def test_built_twice_it_is_the_same_bytes(tmp_path: Path) -> None:
    folders = tmp_path / "one", tmp_path / "made on" / "the way"
    one, two = (Path(stackdoctor("deployment", "package", str(f), PYTHONHASHSEED=str(n)).out.strip()) for n, f in enumerate(folders))
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


def test_nothing_in_it_depends_on_when_where_or_with_which_zlib_it_was_built(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        entries = archive.infolist()
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)
    assert {(e.date_time, e.compress_type, e.create_system, e.external_attr) for e in entries} == {
        ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 3, 0o100644 << 16)
    }


def test_its_name_changes_with_its_content_so_that_cloudformation_updates_the_functions(package: Path) -> None:
    assert hashlib.sha256(package.read_bytes()).hexdigest()[:12] in package.name


def test_it_holds_stackdoctor_and_what_the_handlers_import_and_nothing_else(package: Path) -> None:
    tops = {name.split("/")[0] for name in names(package) if ".dist-info/" not in name}
    assert tops == {"stackdoctor", "ruamel", "tabulate"}
    assert not [
        name for name in names(package) if name.startswith(("stackdoctor/cli/", "stackdoctor/deployment/", "stackdoctor/_fixtures"))
    ]


def test_it_is_pure_python_with_its_licences(package: Path) -> None:
    suffixes = {Path(name).suffix for name in names(package) if ".dist-info/" not in name}
    assert suffixes == {".py"}
    assert any("tabulate" in name and "LICENSE" in name.upper() for name in names(package))


def test_it_fits_well_below_what_lambda_takes(package: Path) -> None:
    assert package.stat().st_size < 10 * 2**20


def test_a_package_that_is_imported_and_not_installed_is_named() -> None:
    with pytest.raises(CannotRun, match="nowhere_to_be_found"):
        packaging._distribution_of("nowhere_to_be_found")


def test_imports_are_found_wherever_they_stand() -> None:
    source = b"import json, boto3\nfrom . import near\nfrom stackdoctor import x\ndef late():\n    from tabulate import tabulate\n"
    assert packaging.imported([source]) == {"tabulate"}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = stackdoctor("deployment", "package", str(tmp_path / "file"))
    assert (ran.code, ran.out) == (4, "")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("handler", HANDLERS)
def test_unpacked_alone_every_handler_loads_from_the_zip_and_no_typer(
    lambda_home: Home, world: World, fake_aws: FakeAWS, handler: str
) -> None:
    invoked = lambda_home.invoke(handler, {}, fake_aws.environment() | {"AWS_REGION": world.region})
    assert invoked.home == str(lambda_home.code / "stackdoctor" / "__init__.py")
    assert not invoked.loaded & {"typer", "click", "rich", "pytest", "moto"}
    assert {"boto3", "stackdoctor"} <= invoked.loaded


def test_importing_the_handlers_imports_no_typer_from_the_working_tree_either() -> None:
    import subprocess
    import sys

    code = "import sys; sys.modules['typer'] = sys.modules['click'] = None; import stackdoctor.aws_lambda"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
