"""A Lambda execution environment on this machine: the unpacked zip, boto3 with what it needs, and nothing else of this machine.

`Home(folder)` → `home.invoke("diagnose", event, environment)` in a Python that sees neither the virtual environment nor the
working tree (-I -S), as the runtime calls a handler.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
"""What Lambda's Python runtimes bring along. https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html"""

BOOTSTRAP = """
import importlib, json, sys
code, runtime, function, account, seconds = sys.argv[1:]
sys.path[:0] = [code, runtime]
class Context:
    invoked_function_arn = f"arn:aws:lambda:us-east-1:{account}:function:stackdoctor-{function}"
    def get_remaining_time_in_millis(self):
        return int(float(seconds) * 1000)
handler = getattr(importlib.import_module("stackdoctor.aws_lambda"), function)
try:
    answer = handler(json.load(sys.stdin), Context())
except Exception as error:
    answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
loaded = sorted({name.split(".")[0] for name in sys.modules})
json.dump({"answer": answer, "loaded": loaded, "from": sys.modules["stackdoctor"].__file__}, sys.stdout)
"""


@dataclass(frozen=True)
class Invoked:
    answer: dict[str, Any]
    loaded: frozenset[str]
    home: str
    stderr: str


class Home:
    """`package` unpacked into an empty folder."""

    def __init__(self, package: Path, folder: Path) -> None:
        self.code, self.runtime = folder / "task", folder / "runtime"
        self.code.mkdir()
        self.runtime.mkdir()
        with zipfile.ZipFile(package) as archive:
            archive.extractall(self.code)
        for name in RUNTIME:
            found = importlib.util.find_spec(name)
            assert found is not None and found.origin is not None, name
            origin = Path(found.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            (self.runtime / source.name).symlink_to(source)

    def invoke(
        self, function: str, event: object, environment: dict[str, str], account: str = "111122223333", seconds: float = 60
    ) -> Invoked:
        words = [sys.executable, "-I", "-S", "-c", BOOTSTRAP, str(self.code), str(self.runtime), function, account, str(seconds)]
        done = subprocess.run(
            words, input=json.dumps(event), env=environment, capture_output=True, text=True, timeout=120, cwd=self.code, check=False
        )
        assert done.returncode == 0, done.stderr
        shown = json.loads(done.stdout)
        return Invoked(shown["answer"], frozenset(shown["loaded"]), shown["from"], done.stderr)
