"""Many DICOM files that differ in a few elements: the rest is encoded once.

A cohort has tens of thousands of images; encoding every element of every file anew would take
several times as long as rendering the hearts.
"""

from collections.abc import Iterable
from copy import copy

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.uid import UID

IMPLEMENTATION_UID = UID("2.25.123401997304851200416830523014470197325")
PREAMBLE = b"\0" * 128 + b"DICM"
_PLACEHOLDER = "2.25." + "9" * 39
"""As long as every UID that `Person.uid` makes."""


class Stamp:
    """A file with holes.

    Args:
        constant: elements that all files share, SOPClassUID among them.
        syntax: transfer syntax of the files, little endian.
    """

    def __init__(self, constant: Dataset, syntax: UID) -> None:
        self._implicit = syntax.is_implicit_VR
        self._constant = tuple(self._encode(constant))
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = constant.SOPClassUID
        meta.MediaStorageSOPInstanceUID = UID(_PLACEHOLDER)
        meta.TransferSyntaxUID = syntax
        meta.ImplementationClassUID = IMPLEMENTATION_UID
        meta.ImplementationVersionName = "FEDCMR_PHANTOM"
        buffer = DicomBytesIO()
        write_file_meta_info(buffer, meta)
        self._before, self._after = buffer.getvalue().split(_PLACEHOLDER.encode())

    def fill(self, constant: Dataset) -> "Stamp":
        """Return a stamp with fewer holes."""
        filled = copy(self)
        filled._constant = (*self._constant, *self._encode(constant))
        return filled

    def file(self, varying: Dataset) -> bytes:
        """Return the bytes of a file with these further elements, SOPInstanceUID among them."""
        elements = sorted([*self._constant, *self._encode(varying)])
        uid = str(varying.SOPInstanceUID).encode()
        body = b"".join(encoded for _, encoded in elements)
        return b"".join((PREAMBLE, self._before, uid, self._after, body))

    def _encode(self, elements: Iterable[DataElement]) -> Iterable[tuple[int, bytes]]:
        for element in elements:
            buffer = DicomBytesIO()
            buffer.is_little_endian = True
            buffer.is_implicit_VR = self._implicit
            write_data_element(buffer, element, ["iso8859"])
            yield int(element.tag), buffer.getvalue()
