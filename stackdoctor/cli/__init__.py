"""The command line: options, streams, colour, exit codes; one file a command. The only package that imports typer.

Nothing here imports boto3: a command that needs AWS imports `aws` when it runs.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import typer

from stackdoctor import __version__
from stackdoctor.cli import checks, demo, diagnose, explain, permissions, schema
from stackdoctor.cli.streams import complain
from stackdoctor.errors import StackdoctorError

app = typer.Typer(
    name="stackdoctor",
    help="Diagnoses failed CloudFormation stacks: from the stack's name to the policy statement that denied it. Only ever reads.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stackdoctor {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _version_wanted: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and exit."),
) -> None:
    pass


for command in (diagnose, demo, explain, checks, permissions, schema):
    command.register(app)


_UsageProblem: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer raises for a wrong command line; typer carries its own copy of click, so it has no public name."""


def run(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 to 3 as the contract says, 4 for what stopped the run, 130 for Ctrl-C."""
    debug = "--debug" in (arguments if arguments is not None else sys.argv[1:])
    try:
        code = app(args=arguments, standalone_mode=False)
        sys.stdout.flush()
        _exit(code if isinstance(code, int) else 0)
    except _UsageProblem as error:
        error.show()
        _exit(2)
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        _exit(128 + signal.SIGINT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _exit(0)
    except StackdoctorError as error:
        if debug:
            raise
        complain(str(error))
        _exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        complain(f"internal error ({type(error).__name__}: {error}); run again with --debug and report what it prints")
        _exit(4)


def _exit(code: int) -> None:
    """Leaves at once: threads that still wait for AWS must not keep the person waiting."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            continue
    os._exit(code)
