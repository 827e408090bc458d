import numpy as np
import torch

from fedcmr.tasks.scar import SCAR


def test_input_spans_zero_to_one() -> None:
    stored = np.array([[[[0, 65_535, 13_107]]]], dtype=np.uint16)
    stored.flags.writeable = False  # as mapped from disk
    x = SCAR.input(stored)
    assert x.dtype == torch.float32
    torch.testing.assert_close(x.flatten(), torch.tensor([0.0, 1.0, 0.2]))


def test_array_and_tensor_give_the_same_bits() -> None:
    stored = np.random.default_rng(0).integers(0, 65_536, (2, 3, 4, 4)).astype(np.uint16)
    assert torch.equal(SCAR.input(stored), SCAR.input(torch.tensor(stored)))


def test_loss_is_the_cross_entropy_of_the_score() -> None:
    logits, targets = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([1.0, 1.0, 0.0])
    p = SCAR.score(logits)
    expected = -(targets * p.log() + (1 - targets) * (1 - p).log())
    torch.testing.assert_close(SCAR.loss(logits, targets), expected)
    torch.testing.assert_close(p[2], torch.tensor(0.5))
