"""The command line: options, streams, colour, exit codes; one file a command. The only package that imports typer.

Nothing here imports boto3: a command that needs AWS imports `aws` when it runs.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stderr, suppress
from typing import Any, TextIO, cast

import typer

from stackdoctor.cli import checks, demo, deployment, diagnose, explain, permissions, scan, schema
from stackdoctor.cli.interrupt import INTERRUPTED
from stackdoctor.cli.options import Version
from stackdoctor.cli.output import new_redactor
from stackdoctor.cli.streams import Masked, complain
from stackdoctor.errors import StackdoctorError

app = typer.Typer(
    name="stackdoctor",
    help="Diagnoses failed CloudFormation stacks: from the stack's name to the policy statement that denied it. Only ever reads.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root(_version: Version = False) -> None:
    pass


for command in (diagnose, scan, demo, explain, checks, permissions, schema, deployment):
    command.register(app)


_UsageProblem: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer raises for a wrong command line; typer carries its own copy of click, so it has no public name."""


def run(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits at once: threads that still wait for AWS must not keep the person waiting."""
    code = main(arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line. Gives the exit code: 0 to 3 as the contract says, 4 for what stopped the run, 130 for Ctrl-C."""
    words = arguments if arguments is not None else sys.argv[1:]
    if "--redact" not in words:
        return _main(arguments, debug="--debug" in words)
    new_redactor.cache_clear()
    with redirect_stderr(cast("TextIO", Masked(sys.stderr, new_redactor().text))):
        return _main(arguments, debug="--debug" in words)


def _main(arguments: list[str] | None, *, debug: bool) -> int:
    try:
        code = app(args=arguments, standalone_mode=False)
    except _UsageProblem as error:
        _explain(error)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except StackdoctorError as error:
        _trace(debug)
        complain(str(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - whatever it is: one line, exit 4
        _trace(debug)
        complain(f"internal error ({_place(error)}); run again with --debug and report what it prints")
        return 4
    if code == INTERRUPTED:  # typer makes a KeyboardInterrupt into this code as well
        complain("interrupted")
    return code if isinstance(code, int) else 0


def _explain(error: Any) -> None:
    """One line; without any argument at all, the help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    context, said = getattr(error, "ctx", None), error.format_message().rstrip(".")
    complain(f"{said}. See: {context.command_path} --help" if context is not None else said)


def _place(error: BaseException) -> str:
    """Where it happened; its text may hold what must not be shown."""
    import traceback  # noqa: PLC0415

    *_, last = traceback.extract_tb(error.__traceback__) or [None]
    return f"{type(error).__name__} at {os.path.basename(last.filename)}:{last.lineno}" if last else type(error).__name__  # noqa: PTH119


def _trace(wanted: bool) -> None:
    """The traceback of the exception in hand, for --debug, without secrets."""
    if wanted:
        import traceback  # noqa: PLC0415

        from stackdoctor.aws.debug import SafeFormatter  # noqa: PLC0415 - start-up: hardly ever needed

        sys.stderr.write(SafeFormatter().mask(traceback.format_exc()))
