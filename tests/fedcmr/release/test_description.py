import typing

from fedcmr.config import Experiment
from fedcmr.release.description import LABELS


def test_every_task_names_its_classes() -> None:
    tasks = typing.get_args(Experiment.model_fields["task"].annotation)
    assert set(LABELS) == set(tasks)
