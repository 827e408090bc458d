"""The `fedcmr` command."""

from typing import NoReturn

import typer

from fedcmr.cli import bench, drill
from fedcmr.cli.audit import audit_command
from fedcmr.cli.demo import demo_command
from fedcmr.cli.evaluate import evaluate_command
from fedcmr.cli.models import models_command
from fedcmr.cli.phantom import phantom_command
from fedcmr.cli.predict import predict_command
from fedcmr.cli.reproduce import reproduce_command
from fedcmr.cli.run import run
from fedcmr.cli.train import train_command
from fedcmr.cli.verify import verify_command

app = typer.Typer(
    help="Federated multi-site training for contrast-free cardiac MRI.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo_command)
app.command("verify")(verify_command)
app.command("predict")(predict_command)
app.command("evaluate")(evaluate_command)
app.command("train")(train_command)
app.command("models")(models_command)
app.command("reproduce")(reproduce_command)
app.command("phantom")(phantom_command)
app.command("audit")(audit_command)
app.add_typer(drill.app, name="drill", help="Faults on purpose: nothing may be lost.")
app.add_typer(bench.app, name="bench", help="Measure; ratios of variants in one run.")


def main() -> NoReturn:
    """Run the command line."""
    run(app)
