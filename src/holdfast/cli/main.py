"""The ``holdfast`` command: runs a command, and turns what goes wrong into a message and an exit code.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 try again, 130 interrupted.
"""

from __future__ import annotations

import logging
import sys
from typing import NoReturn

import click

from holdfast import __version__
from holdfast.cli.commands import ComposedGroup
from holdfast.errors import HoldfastError, WrongUse


@click.group(cls=ComposedGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="holdfast")
def cli() -> None:
    """Holdfast runs the PostgreSQL behind a business that lives on chains and agents.

    Begin with: holdfast up --demo
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    sys.exit(_run(arguments))


def _run(arguments: list[str]) -> int:
    try:
        code = cli.main(arguments, prog_name="holdfast", standalone_mode=False)
    except click.ClickException as error:
        if "--json" not in arguments:
            error.show()
            return error.exit_code
        return _print(WrongUse(error.format_message(), hint="--help describes the command."), arguments)
    except click.Abort:
        click.echo("Nothing was done.", err=True)
        return 1
    except KeyboardInterrupt:
        return 130
    except HoldfastError as error:
        return _print(error, arguments)
    except BrokenPipeError:
        sys.stderr.close()  # who read our output has gone; the interpreter would complain at its end
        return 1
    except Exception:  # the edge of the process: what nobody foresaw is logged whole
        logging.getLogger("holdfast").exception("holdfast %s failed unexpectedly", " ".join(arguments[:1]))
        fault = HoldfastError("This is a fault in Holdfast.", hint="Please report it with the lines above.")
        return _print(fault, arguments)
    return code if isinstance(code, int) else 0


def _print(error: HoldfastError, arguments: list[str]) -> int:
    from holdfast.terminal.output import print_error  # noqa: PLC0415  only failures need it

    print_error(error, json_form="--json" in arguments)
    return error.exit_code
