"""The command line: `nanotally VERB ...`. Thin verbs; a program is imported only when its verb is called."""

from __future__ import annotations

import sys

import typer

from nanotally.errors import NanotallyError

app = typer.Typer(
    name="nanotally",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def nanotally() -> None:
    """Finds and counts nanoparticles live at the scanning electron microscope."""


def main() -> None:
    """Entry point of the `nanotally` command. Exit code 0 done, 1 a fault in the work, 2 wrong usage."""
    try:
        from nanotally.cli import (  # noqa: F401 - each adds its verbs
            bench,
            control,
            darknet,
            dataset,
            demo,
            detect,
            doctor,
            engine,
            evaluate,
            export,
            forward,
            generate,
            keys,
            log,
            overlay,
            replay,
            run,
            simulate,
            templates,
            train,
            view,
        )

        app()
    except NanotallyError as error:
        print(f"nanotally: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
