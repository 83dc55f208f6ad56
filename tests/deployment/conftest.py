"""The package, built once by the command line, and a Lambda environment with it unpacked."""

from __future__ import annotations

from pathlib import Path

import pytest
from end_to_end.command import stackdoctor

from deployment.lambda_home import Home


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path that `stackdoctor deployment package DIR` prints."""
    ran = stackdoctor("deployment", "package", str(tmp_path_factory.mktemp("package")))
    assert ran.code == 0, ran.err
    return Path(ran.out.strip())


@pytest.fixture(scope="session")
def lambda_home(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(package, tmp_path_factory.mktemp("lambda"))
