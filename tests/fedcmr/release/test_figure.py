from xml.etree import ElementTree

from fedcmr.release.figure import training_curve
from fedcmr.release.provenance import Provenance


def test_the_same_run_gives_the_same_figure(provenance: Provenance) -> None:
    assert training_curve(provenance) == training_curve(provenance)


def test_the_figure_is_one_element_with_real_text(provenance: Provenance) -> None:
    root = ElementTree.fromstring(training_curve(provenance))
    assert root.tag.endswith("svg")
    words = "".join(root.itertext())
    assert "loss (nats per study)" in words
    assert "validation, pooled" in words


def test_without_validation_there_is_one_line(provenance: Provenance) -> None:
    history = tuple(
        entry.model_copy(update={"validation_loss": None}) for entry in provenance.history
    )
    assert "validation, pooled" not in training_curve(
        provenance.model_copy(update={"history": history})
    )
