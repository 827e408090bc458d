import torch
from torch import nn

from fedcmr.models.layers.lstm import Lstm


def test_equals_torchs_last_state_and_gradients() -> None:
    torch.manual_seed(0)
    ours, theirs = Lstm(6, 4).double(), nn.LSTM(6, 4, batch_first=True).double()
    names = {name: f"{name}_l0" for name, _ in ours.named_parameters()}
    ours.load_state_dict({name: getattr(theirs, other) for name, other in names.items()})
    x = torch.randn(3, 9, 6, dtype=torch.float64)
    state = theirs(x)[0][:, -1]
    torch.testing.assert_close(ours(x), state)
    expected = torch.autograd.grad(
        state.square().sum(), [getattr(theirs, other) for other in names.values()]
    )
    found = torch.autograd.grad(ours(x).square().sum(), list(ours.parameters()))
    torch.testing.assert_close(found, expected)


def test_sequences_of_further_axes_stay_apart() -> None:
    torch.manual_seed(0)
    lstm, x = Lstm(6, 4), torch.randn(2, 5, 9, 6)
    torch.testing.assert_close(lstm(x)[1], lstm(x[1]))
