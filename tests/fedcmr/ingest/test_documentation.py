from pathlib import Path

from fedcmr.dicom.refusal import REASONS
from fedcmr.ingest.quality import FLAGS


def test_every_reason_and_flag_stands_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ingest.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    expected = [f"| `{code}` | {text} |" for code, text in {**REASONS, **FLAGS}.items()]
    assert set(expected) <= set(lines)
