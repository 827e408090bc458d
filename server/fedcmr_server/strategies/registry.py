"""The strategies an experiment can name."""

from fedcmr.config import FederationSettings
from fedcmr.federation.payload import Layout
from fedcmr_server.strategies.fedadam import FedAdam
from fedcmr_server.strategies.fedavg import FedAvg
from fedcmr_server.strategies.fedavgm import FedAvgM
from fedcmr_server.strategies.fedyogi import FedYogi
from fedcmr_server.strategies.krum import Krum
from fedcmr_server.strategies.median import Median
from fedcmr_server.strategies.strategy import Strategy
from fedcmr_server.strategies.trimmed_mean import TrimmedMean


def strategy(settings: FederationSettings, layout: Layout) -> Strategy:
    """Return a new strategy as the settings name and tune it, for weights of this layout."""
    # The settings hold every key that their strategy needs: they were checked when read.
    rate, byzantine = settings.server_learning_rate or 0.0, settings.byzantine or 0
    match settings.strategy:
        case "fedavg" | "fedprox" | "fedbn":
            return FedAvg()
        case "fedadam" | "fedyogi" as name:
            adaptive = FedAdam if name == "fedadam" else FedYogi
            return adaptive(
                layout,
                learning_rate=rate,
                beta_1=settings.beta_1 or 0.0,
                beta_2=settings.beta_2 or 0.0,
                tau=settings.tau or 0.0,
            )
        case "fedavgm":
            return FedAvgM(layout, learning_rate=rate, momentum=settings.server_momentum or 0.0)
        case "median":
            return Median()
        case "trimmed_mean":
            return TrimmedMean(byzantine)
        case "krum" | "multi_krum" as name:
            return Krum(name, byzantine)
