"""A hostile site, for `fedcmr drill poison`: the ordinary worker, its own updates falsified.

No command of a site leads here: `python -m fedcmr_client.drill_site --site SITE --attack nan`.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import numpy as np
import typer
from flwr.app import Array, ArrayRecord, Context, Message

from fedcmr.cli.run import end_on_sigterm, run
from fedcmr.data.store import open_dataset
from fedcmr.federation import messages as wire
from fedcmr.privacy.outbound import OutboundLedger, Outgoing
from fedcmr.types import FloatArray
from fedcmr_client.app import client_app
from fedcmr_client.gate import site_of
from fedcmr_client.settings import open_site
from fedcmr_client.worker import Answer, Worker

Attack = Literal["sign_flip", "scaling", "noise", "nan"]

FLIP = -4.0
"""With it one of five equal sites brings their mean to a stand."""
SCALE = 20.0
NOISE = 20.0
"""Length of the noise over that of the honest step."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def falsify(update: FloatArray, start: FloatArray, attack: Attack, seed: int) -> FloatArray:
    """Return what a hostile site sends instead of its update, (P,).

    Args:
        update: the honest one, (P,).
        start: weights at the start of the round, (P,).
        attack: on the step, update - start.
        seed: of the noise.
    """
    step = update - start
    match attack:
        case "sign_flip":
            step *= FLIP
        case "scaling":
            step *= SCALE
        case "noise":
            noise = np.random.default_rng(seed).standard_normal(step.shape, dtype=np.float32)
            step += noise * (NOISE * np.linalg.norm(step) / np.linalg.norm(noise))
        case "nan":
            step[:] = np.nan
    falsified: FloatArray = start + step
    return falsified


def hostile(honest: Answer, attack: Attack) -> Answer:
    """Return an application that answers like `honest`, except for the updates that it sends."""

    def answer(message: Message, context: Context) -> Message:
        reply = honest(message, context)
        if wire.ARRAYS in reply.content.array_records:
            start, update = (
                side.content.array_records[wire.ARRAYS][wire.WEIGHTS].numpy()
                for side in (message, reply)
            )
            number = int(str(message.content.config_records[wire.CONFIG][wire.ROUND]))
            vector = falsify(update, start, attack, number)
            reply.content[wire.ARRAYS] = ArrayRecord({wire.WEIGHTS: Array(vector)})
        return reply

    return answer


class NoLedger(OutboundLedger):
    """A hostile site notes nothing, NaN least of all: an honest ledger refuses it."""

    def write(self, message: Outgoing) -> None:
        """Let it pass."""


@app.command()
def start(
    site: Annotated[Path, typer.Option(help="The site's folder.")],
    attack: Annotated[Attack, typer.Option(help="What to do to every update.")],
    wait: Annotated[bool, typer.Option("--wait", help="Keep trying to connect.")] = False,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Take part as a hostile site."""
    import torch

    end_on_sigterm(0)
    logging.getLogger("flwr").setLevel(logging.WARNING)
    torch.set_num_threads(threads)
    folder = open_site(site)
    opened = replace(site_of(folder), outbound=NoLedger(folder.outbound))
    answer = hostile(client_app(opened, lambda: open_dataset(folder.dataset)), attack)
    Worker(folder.settings.server, folder.ca, folder.site_key, answer, opened).work(wait=wait)


def main() -> NoReturn:
    """Run the hostile site."""
    run(app)


if __name__ == "__main__":
    main()
