"""The command ``gridwitness``: finds the commands, and turns every error into a sentence and an exit code.

Each command is a module of this folder with a function ``register(app)``; it is imported only when it is asked for (or for
the help of all commands), so that a quick command does not pay for NumPy or a web server.
"""

import importlib
import sys
from collections.abc import Sequence

import typer

from gridwitness import __version__
from gridwitness.domain.errors import GridwitnessError

COMMANDS = ("demo", "run", "analyse", "simulate", "evidence", "fleet", "ingest", "detect", "web", "db")
"""Commands in the order of the help; each is the module of the same name."""


def build(names: Sequence[str]) -> typer.Typer:
    """The command line with the given commands."""
    app = typer.Typer(name="gridwitness", help=__doc_help__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.callback(invoke_without_command=True)
    def root(version: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
        if version:
            typer.echo(f"gridwitness {__version__}")
            raise typer.Exit

    for name in names:
        importlib.import_module(f"gridwitness.cli.{name}").register(app)
    return app


__doc_help__ = "Finds electricity that is delivered where no revenue meter sees it, and proves it."


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: 0 ok, 1 internal, 2 usage, 3 not proven, 4 partial, 5 device not found."""
    words = list(sys.argv[1:] if argv is None else argv)
    asked = [name for name in COMMANDS if words[:1] == [name]]
    try:
        build(asked or COMMANDS)(args=words, standalone_mode=True)
    except GridwitnessError as error:
        report(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None:  # no file of the user's: a fault of ours, told with its trace
            raise
        report(GridwitnessError("file", f"{error.filename}: {error.strerror}", "check path, owner and rights, and the disk's room"))
        sys.exit(GridwitnessError.exit_code)


def report(error: GridwitnessError) -> None:
    """``error[code]: sentence`` and a ``hint:`` line on stderr."""
    print(f"error[{error.code}]: {error.sentence}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
