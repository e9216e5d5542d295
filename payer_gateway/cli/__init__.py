"""The command line. Each command lives in a module of its own that is imported only when it is
called, so that ``--help`` answers at once."""

from __future__ import annotations

import importlib
import sys

import click

from payer_gateway import __version__

# command → module of this package that holds it under the same name (dashes as underscores)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Watch consultations travel the whole way, on this machine."),
    "submit": ("submit", "Take consultations in from files or folders."),
    "deliver": ("deliver", "Send what is ready, ask about what is in doubt."),
    "serve": ("serve", "The HTTP surface and delivery in one process."),
    "submissions": ("submissions", "List submissions."),
    "submission": ("submission", "Show, resolve or cancel one submission."),
    "explain": ("explain", "The story of a consultation or submission, in sentences."),
    "replay": ("replay", "Send failed submissions again."),
    "consultation": ("consultation", "Decide what waits for a person; correct a claim."),
    "insurer": ("insurer", "List, test, pause, drain and resume insurers."),
    "mapping": ("mapping", "Write, check, render and release insurers' mapping files."),
    "plan": ("plan", "Check plan files and their decided cases; release them."),
    "eligibility": ("eligibility", "Ask whether an opinion is paid; run decided cases."),
    "reconcile": ("reconcile", "Compare our accepted claims with the insurer's list."),
    "retention": ("retention", "Take away old exchanges of claims that have ended."),
    "metrics": ("metrics", "Print the Prometheus metrics."),
    "roster": ("roster", "Import who is covered, and what of it is used."),
    "client": ("client", "API clients and their keys."),
    "db": ("db", "The database's schema."),
    "states": ("states", "Draw the states of a submission."),
    "sandbox": ("sandbox", "An insurer to try things against."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"payer_gateway.cli.{COMMANDS[name][0]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, not from the commands: importing them all would take half a second.
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="payer-gateway")
def cli() -> None:
    """From a second-opinion consultation to an adjudicated claim.

    Exit codes: 0 done, 1 found problems, 2 misuse.
    """


def main() -> None:
    """Entry point of the installed command."""
    from payer_gateway.cli.streams import lasting

    sys.stdout = lasting(sys.stdout, must_be_read=True)
    sys.stderr = lasting(sys.stderr, must_be_read=False)
    try:
        code = _run()
        # What is still buffered: at the interpreter's end nobody would tell why it failed.
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _stopped()
    except Exception as exc:
        from payer_gateway.cli.failing import told

        code = told(exc)
    sys.exit(code)


def _run() -> int:
    """The command's exit code."""
    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Exit as exc:
        code = exc.exit_code
    except click.ClickException as exc:
        exc.show()
        code = 2
    except click.Abort:
        code = _stopped()
    return code if isinstance(code, int) else 0


def _stopped() -> int:
    click.echo("stopped", err=True)
    return 130
