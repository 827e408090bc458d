"""The strategies an experiment can name."""

from flwr.serverapp.strategy import FedAvg, FedProx
from flwr.serverapp.strategy.strategy import Strategy

from fedcmr.config import FederationSettings
from fedcmr.federation.messages import EXAMPLES


def strategy(settings: FederationSettings) -> Strategy:
    """Return the merge that the settings name; weights of sites count by their examples.

    FedProx (Li et al. 2020) differs from FedAvg (McMahan et al. 2017) in the local loss only.
    """
    if settings.strategy == "fedprox":
        return FedProx(proximal_mu=settings.proximal_mu, weighted_by_key=EXAMPLES)
    return FedAvg(weighted_by_key=EXAMPLES)
