"""The round in flight, on the site's disk: what a kill must not cost and nobody may get twice.

`begun` names the last round that was paid for from the privacy budget, `resume` holds its last
step, `update` the last finished one. It answers the same question again without training and
without spending; a round that is asked for anew with other weights is another round.

An update that only repeats what can be computed again is not waited for until it is on the disk:
where a power cut takes it, its round is trained again from the last step. Never so under
differential privacy, where to train again is to draw other noise, and to tell more.
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from fedcmr.durable import sync_folder, write_atomically
from fedcmr.errors import DataError
from fedcmr.training.checkpoint import load_checkpoint, save_checkpoint
from fedcmr.training.local import RoundResult
from fedcmr.types import FloatArray

log = logging.getLogger("fedcmr")


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
            DataError: the file is damaged, and of which round it is was lost too.
        """
        if self._known not in (None, fingerprint):
            return None
        try:
            loaded = self._load()
        except DataError as damage:
            if not self._begun.exists():
                raise
            log.warning(
                "%s; where its round is asked for, it is trained from its last step", damage
            )
            return None
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
        """Tell whether this round was the last to be begun, and was therefore paid for."""
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
        sync_folder(self._begun.parent)

    def finish(
        self, fingerprint: str, run: str, finished: Finished, *, durable: bool = False
    ) -> None:
        """Keep a finished round, in place of the one before.

        Args:
            fingerprint: of the round.
            run: that it belongs to.
            finished: the round.
            durable: wait for the disk; where another try would be another update, or a later round
                needs this one.

        Raises:
            DataError: the disk is full; the round can still be resumed.
        """
        state = {
            "round": fingerprint,
            "run": run,
            "result": asdict(finished.result),
            "epsilon": finished.epsilon,
        }
        tensors = {"update": torch.from_numpy(finished.update)}
        save_checkpoint(self._update, tensors, state, durable=durable)
        self._known = fingerprint
        if durable:
            self.resume.unlink(missing_ok=True)
            self._begun.unlink(missing_ok=True)
            sync_folder(self._begun.parent)  # nor may a power cut bring them back

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
