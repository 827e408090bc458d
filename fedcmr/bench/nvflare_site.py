"""What a client of NVFlare's simulator runs in `nvflare_rounds`: it answers without training."""

import sys
import time
from pathlib import Path

import numpy as np
import nvflare.client as flare  # type: ignore[import-not-found]  # no dependency of this package
from nvflare.app_common.abstract.fl_model import (  # type: ignore[import-not-found]  # the same
    FLModel,
    ParamsType,
)


def main(stamps: Path) -> None:
    """Return the weights of every round, a little longer; note when they came."""
    flare.init()
    factor = np.float32(1 + 1e-3 * (sum(flare.get_site_name().encode()) % 1000) / 1000)
    while flare.is_running():
        model = flare.receive()
        with (stamps / flare.get_site_name()).open("a", encoding="ascii") as file:
            file.write(f"{time.monotonic()}\n")
        update = {name: values * factor for name, values in model.params.items()}
        flare.send(FLModel(params_type=ParamsType.FULL, params=update, metrics={"loss": 0.0}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
