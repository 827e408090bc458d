import io

import numpy as np
import pytest
import torch

from fedcmr.errors import DataError
from fedcmr.federation.payload import Layout, all_finite, from_npy, to_npy

STATE = {
    "conv.weight": torch.arange(6.0).view(2, 3),
    "norm.num_batches_tracked": torch.tensor(7),
    "conv.bias": torch.tensor([-1.0, 0.5]),
}


def test_vector_holds_floating_state_in_order() -> None:
    layout = Layout(STATE)
    assert layout.size == 8
    assert layout.pack(STATE).tolist() == [0, 1, 2, 3, 4, 5, -1, 0.5]
    assert layout.pack(STATE).dtype == np.float32


def test_unpack_undoes_pack() -> None:
    layout = Layout(STATE)
    back = layout.unpack(layout.pack(STATE))
    assert list(back) == ["conv.weight", "conv.bias"]
    assert all(torch.equal(back[name], STATE[name]) for name in back)


def test_unpacked_weights_do_not_share_memory_with_the_vector() -> None:
    layout = Layout(STATE)
    vector = layout.pack(STATE)
    layout.unpack(vector)["conv.bias"][0] = 99
    assert vector[6] == -1


@pytest.mark.parametrize(
    ("vector", "complaint"),
    [
        (np.zeros(7, np.float32), r"\(7,\), expected float32 \(8,\)"),
        (np.zeros(8, np.float64), "float64"),
        (np.zeros((8, 1), np.float32), r"\(8, 1\)"),
        (np.array([0, 0, 0, np.nan, 0, 0, 0, 0], np.float32), "not finite"),
        (np.array([0, 0, 0, np.inf, 0, 0, 0, 0], np.float32), "not finite"),
    ],
)
def test_foreign_vectors_are_refused(vector: np.ndarray, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Layout(STATE).unpack(vector)


def test_digest_tells_names_shapes_and_order_apart() -> None:
    digests = {
        Layout(state).digest()
        for state in (
            {"a": torch.zeros(2, 3), "b": torch.zeros(2)},
            {"a": torch.zeros(3, 2), "b": torch.zeros(2)},
            {"a": torch.zeros(2, 3), "c": torch.zeros(2)},
            {"b": torch.zeros(2), "a": torch.zeros(2, 3)},
        )
    }
    assert len(digests) == 4
    assert Layout({"a": torch.zeros(2)}).digest() == Layout({"a": torch.ones(2)}).digest()


def test_a_vector_comes_back_from_what_numpy_would_have_saved() -> None:
    values = np.arange(5, dtype=np.float32)
    content = to_npy(values)
    assert np.array_equal(np.load(io.BytesIO(content)), values)
    back = from_npy(content)
    assert np.array_equal(back, values)
    assert not back.flags.writeable
    with pytest.raises(DataError, match="cannot be read"):
        from_npy(bytes(content)[1:])


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 3, 6])
def test_one_value_that_is_not_finite_is_found(odd: float, at: int) -> None:
    values = np.linspace(-1e38, 1e38, 7, dtype=np.float32)
    assert all_finite(values)
    values[at] = odd
    assert not all_finite(values)
