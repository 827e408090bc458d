"""FedAdam (Reddi et al. 2021, arXiv:2003.00295, algorithm 2)."""

from collections.abc import Mapping

import numpy as np

from fedcmr.federation.payload import Layout
from fedcmr.types import DoubleArray, FloatArray
from fedcmr_server.strategies.server_optimizer import ServerOptimizer


class FedAdam(ServerOptimizer):
    """m <- b1 m + (1 - b1) D, v <- b2 v + (1 - b2) D^2, w <- w + eta m / (sqrt(v) + tau).

    As in the paper, v starts at tau^2 and nothing corrects the bias of the first rounds. (Flower
    starts v at 0 and multiplies eta by sqrt(1 - b2^(t+1)) / (1 - b1^(t+1)).)
    """

    def __init__(
        self, layout: Layout, *, learning_rate: float, beta_1: float, beta_2: float, tau: float
    ) -> None:
        super().__init__(layout, {"m": 0.0, "v": tau**2})
        self._learning_rate, self._beta_1, self._beta_2 = learning_rate, beta_1, beta_2
        self._tau = tau

    def step(self, delta: DoubleArray, moments: Mapping[str, FloatArray]) -> DoubleArray:
        """Return eta m / (sqrt(v) + tau) after both moments have seen delta, (columns,)."""
        m, v = moments["m"], moments["v"]
        m[:] = self._beta_1 * m + (1 - self._beta_1) * delta
        v[:] = self.second_moment(v, delta**2)
        return self._learning_rate * m / (np.sqrt(v, dtype=np.float64) + self._tau)

    def second_moment(self, v: FloatArray, squared: DoubleArray) -> DoubleArray:
        """Return the next v, (columns,)."""
        return self._beta_2 * v + (1 - self._beta_2) * squared
