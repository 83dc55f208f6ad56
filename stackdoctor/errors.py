"""What stops a run, each with a hint: where, what, what to do next.

StackdoctorError                one line on stderr, exit 4
├── UsageError                  the command line or a file named on it is wrong, exit 2
├── CannotRun                   no credentials, no Region, no network, an unknown profile
│   └── StackNotFound           no such stack; the hint names near ones
├── BadEvidence                 --from, --events: a kept file is not what it should be; names the file
└── TimedOut                    --timeout ran out before anything was known

A single read that fails is no exception beyond `aws/`: it becomes `model.Unreadable`.
"""


class StackdoctorError(Exception):
    """Stops the run. `message` says where and what, `hint` what to do next; both are one line of plain text."""

    exit_code = 4

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        stop = "." if self.hint and self.message[-1:].isalnum() else ""
        return f"{self.message}{stop} {self.hint}".strip()


class UsageError(StackdoctorError):
    """The command line is wrong."""

    exit_code = 2


class CannotRun(StackdoctorError):
    """Nothing can be read: credentials, Region, profile, network."""


class StackNotFound(CannotRun):
    """No stack of this name or ARN is visible to the caller."""


class BadEvidence(StackdoctorError):
    """Kept evidence or an events file that cannot be trusted; the message starts with the file's name."""


class TimedOut(StackdoctorError):
    """The total time ran out before the stack itself was read."""
