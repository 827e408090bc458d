"""FedYogi (Reddi et al. 2021, arXiv:2003.00295, algorithm 2)."""

import numpy as np

from fedcmr.types import DoubleArray, FloatArray
from fedcmr_server.strategies.fedadam import FedAdam


class FedYogi(FedAdam):
    """FedAdam with v <- v - (1 - b2) D^2 sign(v - D^2)."""

    def second_moment(self, v: FloatArray, squared: DoubleArray) -> DoubleArray:
        """Return the next v, (columns,)."""
        return v - (1 - self._beta_2) * squared * np.sign(v - squared)
