"""Errors that a person can act on: the command line prints them without a traceback.

Each area derives its own from `UserError`. Does not belong here: errors that code handles.
"""


class UserError(Exception):
    """Something a user can put right; `hint` says how.

    Attributes:
        hint: the way out, as a sentence or a command. Printed under the message.
        exit_code: what the command line exits with.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class RepositoryError(UserError):
    """The checkout lacks something, or one of its files says something that does not fit."""


class WebserverError(UserError):
    """A webserver that does not answer, or refuses what it is asked."""


def indented(text: str, longest: int = 1500) -> str:
    """Return the end of a program's output, set off for an error message."""
    return "\n".join("    " + line for line in text.strip()[-longest:].splitlines())
