"""The strategies an experiment can name."""

from collections.abc import Callable

from fedcmr.config import FederationSettings
from fedcmr.federation.payload import Layout
from fedcmr_server.strategies.fedavg import FedAvg
from fedcmr_server.strategies.strategy import Strategy

STRATEGIES: dict[str, Callable[[FederationSettings, Layout], Strategy]] = {
    "fedavg": lambda settings, layout: FedAvg(),
    "fedprox": lambda settings, layout: FedAvg(),
}


def strategy(settings: FederationSettings, layout: Layout) -> Strategy:
    """Return a new strategy as the settings name and tune it, for weights of this layout."""
    return STRATEGIES[settings.strategy](settings, layout)
