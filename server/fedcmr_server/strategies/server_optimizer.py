"""An optimiser at the server: the step of the sites is its gradient."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from fedcmr.federation.payload import Layout
from fedcmr.types import DoubleArray, FloatArray
from fedcmr_server.strategies.columns import blocks, weighted_mean
from fedcmr_server.strategies.strategy import Merged, Update, check_state

STATISTICS = ("running_mean", "running_var")
"""What BatchNorm measures instead of learning; a momentum could make a variance negative."""


class ServerOptimizer(ABC):
    """Moves the weights by a function of the mean update, which sites weigh in by examples.

    Delta_t = sum_i (n_i / n) (w_i - w). Measured statistics of normalisation layers are averaged
    as by FedAvg. Moments are kept in single precision, so that a restored state is the same bits.
    """

    def __init__(self, layout: Layout, moments: Mapping[str, float]) -> None:
        """Start with every moment at its given value, everywhere."""
        self._moments = {
            name: np.full(layout.size, value, np.float32) for name, value in moments.items()
        }
        self._measured = [
            span for name, span in layout.spans().items() if name.endswith(STATISTICS)
        ]

    @abstractmethod
    def step(self, delta: DoubleArray, moments: Mapping[str, FloatArray]) -> DoubleArray:
        """Update the moments in place and return by how much the weights move.

        Args:
            delta: mean update of some entries, (columns,).
            moments: of the same entries, (columns,) each.
        """

    def merge(self, weights: FloatArray, updates: Sequence[Update], set_aside: int = 0) -> Merged:
        """Return the weights after one step of the server's optimiser."""
        merged = np.empty_like(weights)
        for part in blocks(weights.size):
            delta = weighted_mean(updates, part) - weights[part]
            moments = {name: moment[part] for name, moment in self._moments.items()}
            merged[part] = weights[part] + self.step(delta, moments)
        for span in self._measured:
            merged[span] = weighted_mean(updates, span)
        return Merged(merged)

    def state(self) -> dict[str, FloatArray]:
        """Return the moments, (P,) each."""
        return dict(self._moments)

    def restore(self, state: Mapping[str, FloatArray]) -> None:
        """Go on from these moments.

        Raises:
            DataError: they are not of this strategy and network.
        """
        check_state(state, self._moments)
        self._moments = {name: np.array(value) for name, value in state.items()}
