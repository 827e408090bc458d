"""FedAvgM (Hsu et al. 2019, arXiv:1909.06335, section 4.3)."""

from collections.abc import Mapping

from fedcmr.federation.payload import Layout
from fedcmr.types import DoubleArray, FloatArray
from fedcmr_server.strategies.server_optimizer import ServerOptimizer


class FedAvgM(ServerOptimizer):
    """v <- beta v + D, w <- w + eta v, with D the mean update."""

    def __init__(self, layout: Layout, *, learning_rate: float, momentum: float) -> None:
        super().__init__(layout, {"v": 0.0})
        self._learning_rate, self._momentum = learning_rate, momentum

    def step(self, delta: DoubleArray, moments: Mapping[str, FloatArray]) -> DoubleArray:
        """Return eta v after v has seen delta, (columns,)."""
        v = moments["v"]
        v[:] = self._momentum * v + delta
        return self._learning_rate * v.astype(delta.dtype)
