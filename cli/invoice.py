"""`monthclose invoice`: one invoice."""

import typer

from cli import explaining

app = typer.Typer(help="One invoice: preview and explain it.", no_args_is_help=True)
app.command("preview")(explaining.preview)
