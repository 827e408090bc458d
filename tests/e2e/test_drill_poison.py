"""Short form of `fedcmr drill poison`, on noise in the place of phantoms."""

from pathlib import Path

import pytest

from fedcmr.drill.poison import HOSTILE, PoisonDrill

# Many processes share two cores.
pytestmark = pytest.mark.timeout(900)


def test_a_hostile_site_is_named_and_costs_little(tmp_path: Path) -> None:
    drill = PoisonDrill(tmp_path, "noise")
    drill.prepare()
    clean, poisoned = drill.run(["none", "sign_flip"], tell=print, defences=["on"])
    assert clean.auc is not None
    assert clean.passed(clean.auc), clean
    assert poisoned.passed(clean.auc), poisoned
    assert poisoned.named == (HOSTILE,)
