"""Rounds of NVFlare's simulator, for `fedcmr bench round`, where NVFlare is installed.

`python -m fedcmr.bench.nvflare_rounds FOLDER --sites ...`: its FedAvg, with threads for
sites, no TLS and no evaluation. A line of JSON whenever a round's weights reached the first site.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from nvflare.app_common.np.recipes.fedavg import (  # type: ignore[import-not-found]  # as below
    NumpyFedAvgRecipe,
)
from nvflare.recipe.sim_env import SimEnv  # type: ignore[import-not-found]  # no dependency

from fedcmr.bench import nvflare_site


def main(
    folder: Annotated[Path, typer.Argument(help="For everything; empty.")],
    sites: Annotated[int, typer.Option(help="Clients.")],
    rounds: Annotated[int, typer.Option(help="Of FedAvg.")],
    parameters: Annotated[int, typer.Option(help="Of the weight vector.")],
) -> None:
    """Run the rounds."""
    weights, stamps = folder / "weights.npy", folder / "stamps"
    stamps.mkdir()
    np.save(weights, np.random.default_rng(0).standard_normal(parameters, dtype=np.float32))
    recipe = NumpyFedAvgRecipe(
        name="bench",
        initial_ckpt=str(weights),
        min_clients=sites,
        num_rounds=rounds + 1,  # a round is over when the next one begins
        train_script=str(Path(nvflare_site.__file__ or "")),
        train_args=str(stamps),
    )
    recipe.execute(SimEnv(num_clients=sites, workspace_root=str(folder / "workspace")))
    first = min(stamps.iterdir())
    for line in first.read_text("ascii").splitlines():
        typer.echo(json.dumps({"time": float(line)}))


if __name__ == "__main__":
    typer.run(main)
