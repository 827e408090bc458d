"""Where the coarse-mask branch looked in training: a picture for the site, from the site's weights.

A release does not carry the branch. The coordinator holds it, merged, in the checkpoint of the run;
a site holds its own, as its last round left it, beside the backbone that it was trained on. From
that file alone the pictures are drawn, on the site's machine, into the site's folder.
"""

import io
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from fedcmr.data.transforms import centre
from fedcmr.errors import ConfigurationError, DataError
from fedcmr.federation.payload import Layout
from fedcmr.models.registry import TRAINING_ONLY, build
from fedcmr.release.open import OpenRelease
from fedcmr.tasks.registry import task
from fedcmr.training.checkpoint import load_checkpoint
from fedcmr.types import STORED_MAX, FloatArray, StoredCine

LEAST_SCALE = 0.1
"""Share of a cell at the bright end of the scale, at least: a map of nearly nothing stays dark."""
CELL_INCHES = 1.6


class Branch:
    """The network of a site's last round, with its coarse-mask branch.

    Args:
        path: `round/update.safetensors` of the site's folder.
        release: of the same experiment.

    Raises:
        DataError: no such file, or it is damaged.
        ConfigurationError: the experiment has no branch, or the file is of another one.
    """

    def __init__(self, path: Path, release: OpenRelease) -> None:
        self._release = release
        experiment = release.experiment
        with torch.random.fork_rng(devices=[]):
            self._model: Any = build(experiment.model, experiment.preprocessing).eval()
        if getattr(self._model, TRAINING_ONLY, None) is None:
            raise ConfigurationError(
                "this release's network had no coarse-mask branch", fix="leave --branch out"
            )
        try:
            tensors, state = load_checkpoint(path)
            weights: FloatArray = tensors["update"].numpy()
            run = state["run"]
        except (DataError, KeyError):
            raise DataError(
                "no weights of a site's last round",
                where=str(path),
                fix="give round/update.safetensors of the site's folder",
            ) from None
        if run != experiment.digest():
            raise ConfigurationError(
                "the site's last round was of another experiment than the release", where=str(path)
            )
        self._model.load_state_dict(Layout(self._model.state_dict()).unpack(weights), strict=False)

    def look(self, stored: StoredCine) -> FloatArray:
        """Return the predicted share of MVO in each cell of each slice, (Z, m, m), of (Z, T, Y, X).

        The output is linear: what lies outside 0..1 is cut.
        """
        experiment = self._release.experiment
        seen = centre(task(experiment.task).input(stored), experiment.preprocessing.size)
        with torch.inference_mode():
            maps = [self._model.forward_with_map(each[None, None])[1][0] for each in seen]
        shares: FloatArray = torch.stack(maps).clamp(0, 1).numpy()
        return shares

    def picture(self, stored: StoredCine, name: str, scores: tuple[float, ...]) -> bytes:
        """Return a PNG: the first frame of each slice, base first, and the map laid over it.

        What it is stands in the picture and in its description.

        Args:
            stored: prepared cine, (Z, T, Y, X).
            name: of the study, printed.
            scores: of the release, one a slice.
        """
        frames = centre(stored[:, 0], self._release.experiment.preprocessing.size)
        maps = self.look(stored)
        top = max(LEAST_SCALE, float(maps.max()))
        figure = Figure((CELL_INCHES * len(frames) + 1, 2 * CELL_INCHES + 1), layout="constrained")
        axes = figure.subplots(2, len(frames), squeeze=False)
        for z, frame in enumerate(frames):
            for axis in axes[:, z]:
                axis.imshow(frame, cmap="gray", vmin=0, vmax=STORED_MAX, extent=(0, 1, 0, 1))
                axis.set_axis_off()
            axes[0, z].set_title(f"slice {z + 1}: {scores[z]:.2f}", fontsize=8)
            drawn = axes[1, z].imshow(
                maps[z], cmap="inferno", vmin=0, vmax=top, alpha=0.5, extent=(0, 1, 0, 1)
            )
        figure.colorbar(drawn, ax=axes, shrink=0.8, label="predicted share of MVO in a cell")
        words = self._words(name)
        figure.suptitle(words, fontsize=8)
        png = io.BytesIO()
        figure.savefig(
            png, format="png", dpi=100, metadata={"Description": words, "Software": None}
        )
        return png.getvalue()

    def _words(self, name: str) -> str:
        phantom = "PHANTOM: synthetic heart. " if self._release.description.phantom else ""
        return (
            f"{phantom}{name}. Research use only; for this site only, not to be passed on.\n"
            "Where the coarse-mask branch looked, with the weights of this site's last round; "
            "scores are the release's, which has no branch."
        )
