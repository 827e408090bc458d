import io

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, MRImageStorage

from fedcmr.phantom.stamp import Stamp

UIDS = [f"2.25.{10**38 + n}" for n in range(3)]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_file_reads_back_as_what_it_was_made_of(syntax: UID) -> None:
    constant = Dataset()
    constant.SOPClassUID = MRImageStorage
    constant.PatientName = "Abel^Anna"
    constant.PixelSpacing = [1.5, 1.5]
    constant.Rows = 2
    item = Dataset()
    item.CodeValue = "X"
    constant.ProcedureCodeSequence = [item]
    stamp = Stamp(constant, syntax)
    for number, uid in enumerate(UIDS):
        of_slice, varying = Dataset(), Dataset()
        of_slice.SliceLocation = 4.5 * number
        varying.SOPInstanceUID = uid
        varying.InstanceNumber = number
        varying.add_new(0x7FE00010, "OW", bytes([number] * 8))
        read = pydicom.dcmread(io.BytesIO(stamp.fill(of_slice).file(varying)))
        assert read.file_meta.TransferSyntaxUID == syntax
        assert read.file_meta.MediaStorageSOPInstanceUID == uid
        expected = Dataset()
        for part in (constant, of_slice, varying):
            expected.update(part)
        assert read.to_json_dict() == expected.to_json_dict()


def test_filling_a_stamp_leaves_it_as_it_was() -> None:
    constant, more, varying = Dataset(), Dataset(), Dataset()
    constant.SOPClassUID = MRImageStorage
    more.Rows = 2
    varying.SOPInstanceUID = UIDS[0]
    stamp = Stamp(constant, ExplicitVRLittleEndian)
    before = stamp.file(varying)
    assert stamp.fill(more).file(varying) != before
    assert stamp.file(varying) == before
