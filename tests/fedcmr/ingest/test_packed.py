from pathlib import Path

import dicom_files
import pytest
from scan_files import scan

from fedcmr.ingest.packed import Packed, pack, unpack


def test_values_come_back_in_their_order() -> None:
    packed: Packed[tuple[str, float]] = Packed(map(pack, [("a", 0.1), ("\udcf6", 1e-300)]))
    assert list(packed) == [("a", 0.1), ("\udcf6", 1e-300)]
    assert (len(packed), packed[-1], list(packed[:1])) == (2, ("\udcf6", 1e-300), [("a", 0.1)])
    with pytest.raises(IndexError):
        packed[2]


def test_headers_of_a_study_take_a_hundred_bytes_a_file(tmp_path: Path) -> None:
    (study,) = scan(tmp_path, dicom_files.cine()).studies
    packed = pack(study)
    assert unpack(packed) == study
    assert len(packed) < 100 * study.slices * study.phases
