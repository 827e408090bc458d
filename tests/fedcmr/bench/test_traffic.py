from torch import nn

from fedcmr.bench.traffic import traffic


def test_inputs_outputs_and_weights_are_counted() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU())
    activations = 2 * ((6 + 6) + (6 + 4) + (4 + 4))
    weights = 6 * 4 + 4
    assert traffic(network, (2, 1, 1, 2, 3), 2) == 3 * activations * 2 + 4 * weights * 4
