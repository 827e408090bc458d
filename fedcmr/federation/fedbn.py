"""FedBN (Li et al. 2021, arXiv:2102.07623): a site trains with normalisation layers of its own.

The server merges whole vectors as by FedAvg, so a release holds the mean normalisation, which is
what the paper gives to a site that took no part in training.
"""

from torch import nn

from fedcmr.federation.payload import Layout
from fedcmr.types import FloatArray

_NORMALISATION = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)


def with_own(weights: FloatArray, own: FloatArray, model: nn.Module) -> FloatArray:
    """Return what a site starts a round from, (P,).

    Args:
        weights: that the coordinator sent, (P,).
        own: at the end of the site's last round, (P,).
        model: the network, for the names of its normalisation layers.
    """
    start = weights.copy()
    for name, span in Layout(model.state_dict()).spans().items():
        if isinstance(model.get_submodule(name.rpartition(".")[0]), _NORMALISATION):
            start[span] = own[span]
    return start
