import pytest
import torch

from fedcmr.bench.gpu import FORMS, Case, Form, all_devices, bench_gpu, share_of_floor
from fedcmr.config import Preprocessing
from fedcmr.network import ModelSettings

CPU = torch.device("cpu")
TINY = Case(
    "tiny", ModelSettings(name="st_cnn"), Preprocessing(slices=2, phases=4, size=16), samples=3
)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_every_line_is_not_run() -> None:
    figures = list(bench_gpu(1))
    assert len(figures) == 3 * len(FORMS) + 1
    assert {(figure.verdict, figure.detail) for figure in figures} == {
        ("not run", "no CUDA device")
    }


@pytest.mark.parametrize("form", FORMS[:2], ids=lambda form: form.name)
def test_a_step_is_held_against_the_bytes_that_it_moves(form: Form) -> None:
    figure = share_of_floor("name", "what", TINY, form, CPU, bandwidth=1e9, repeats=1)
    assert figure.value is not None
    assert figure.value > 0
    assert "GB at 1 GB/s" in figure.detail


def test_a_form_that_fails_is_told_as_not_run() -> None:
    figure = share_of_floor("name", "what", TINY, FORMS[-1], CPU, bandwidth=1e9, repeats=1)
    assert figure.verdict == "not run"
    assert "Error" in figure.detail


def test_several_devices_share_a_step() -> None:
    figure = all_devices("name", "what", TINY, (CPU, CPU), repeats=1)
    assert figure.value is not None
    assert "on 2 /" in figure.detail
