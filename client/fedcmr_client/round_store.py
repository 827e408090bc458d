"""The round in flight, on the site's disk: what a kill must not cost and nobody may get twice.

`begun` names the round that was paid for from the privacy budget and is being trained, `resume`
holds its last step, `update` the last finished one. It answers the same question again without
training and without spending; a round that is asked for anew with other weights is another round.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from fedcmr.data.store import write_atomically
from fedcmr.errors import DataError
from fedcmr.training.checkpoint import load_checkpoint, save_checkpoint
from fedcmr.training.local import RoundResult
from fedcmr.types import FloatArray


@dataclass(frozen=True)
class Finished:
    """A trained round."""

    update: FloatArray
    """(P,)."""
    result: RoundResult
    epsilon: float | None
    """Spent in the run after this round; None without privacy."""


class RoundStore:
    """The files of one site.

    Args:
        folder: made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self.resume = folder / "resume.safetensors"
        self._begun = folder / "begun"
        self._update = folder / "update.safetensors"
        self._known: str | None = None
        """Fingerprint of the round in `update`, once it was seen."""

    def finished(self, fingerprint: str) -> Finished | None:
        """Return the round with this fingerprint, where it is the last one that was finished.

        Raises:
            DataError: the file is damaged.
        """
        if self._known not in (None, fingerprint):
            return None
        loaded = self._load()
        if loaded is None:
            return None
        self._known = loaded[0]["round"]
        return loaded[1] if self._known == fingerprint else None

    def last_of(self, run: str) -> FloatArray | None:
        """Return the last finished update (P,), where it belongs to the run.

        Raises:
            DataError: the file is damaged.
        """
        loaded = self._load()
        return loaded[1].update if loaded is not None and loaded[0]["run"] == run else None

    def begun(self, fingerprint: str) -> bool:
        """Tell whether this round was begun, and therefore paid for, and not finished."""
        try:
            return self._begun.read_text(encoding="ascii") == fingerprint
        except (OSError, UnicodeDecodeError):
            return False

    def begin(self, fingerprint: str) -> None:
        """Note the round as begun, in place of any other.

        Raises:
            DataError: the disk is full.
        """
        self.resume.unlink(missing_ok=True)
        write_atomically(self._begun, fingerprint.encode("ascii"))

    def finish(self, fingerprint: str, run: str, finished: Finished) -> None:
        """Keep a finished round, in place of the one before.

        Raises:
            DataError: the disk is full; the round can still be resumed.
        """
        state = {
            "round": fingerprint,
            "run": run,
            "result": asdict(finished.result),
            "epsilon": finished.epsilon,
        }
        save_checkpoint(self._update, {"update": torch.from_numpy(finished.update)}, state)
        self._known = fingerprint
        self.resume.unlink(missing_ok=True)
        self._begun.unlink(missing_ok=True)

    def _load(self) -> tuple[dict[str, str], Finished] | None:
        if not self._update.exists():
            return None
        tensors, state = load_checkpoint(self._update)
        try:
            update: FloatArray = tensors["update"].numpy()
            result = RoundResult(**state["result"])
            return state, Finished(update, result, state["epsilon"])
        except (KeyError, TypeError):
            raise DataError(
                "the stored round cannot be read", where=str(self._update), fix="delete it"
            ) from None
