"""Pixels of MR frames as float32, each frame with its own rescale slope and intercept.

Uncompressed pixels are read where the header pass found them; everything else goes through
pydicom's decoders.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from fedcmr.dicom.frame import FrameHeader
from fedcmr.dicom.header import ImageHeader, PixelLayout
from fedcmr.dicom.refusal import RefusedError
from fedcmr.types import FloatArray


def read_frames(
    root: Path, header: ImageHeader, frames: Sequence[FrameHeader], out: Sequence[FloatArray]
) -> None:
    """Read frames of one file into `out`, float32 arrays of (Y, X); call it within `quiet()`.

    Raises:
        RefusedError: the file changed since its header was read, or its pixels cannot be decoded.
    """
    stored = _decoded if header.layout.encoded else _stored
    for frame, target, values in zip(
        frames, out, stored(root / header.path, header.layout, frames), strict=True
    ):
        if values.shape != target.shape:
            raise RefusedError("undecodable_pixels")
        np.multiply(values, np.float32(frame.slope), out=target, casting="unsafe")
        if frame.intercept:
            np.add(target, np.float32(frame.intercept), out=target)


def _stored(
    path: Path, layout: PixelLayout, frames: Sequence[FrameHeader]
) -> Iterator[NDArray[np.generic]]:
    kind = np.dtype(f"{'i' if layout.signed else 'u'}{layout.bits_allocated // 8}")
    kind = kind.newbyteorder(">" if layout.big_endian else "<")
    pixels = layout.rows * layout.columns
    unused = layout.bits_allocated - layout.bits_stored
    with path.open("rb") as file:
        for frame in frames:
            file.seek((layout.offset or 0) + frame.number * pixels * kind.itemsize)
            content = file.read(pixels * kind.itemsize)
            if len(content) != pixels * kind.itemsize:
                raise RefusedError("truncated_pixels")
            values = np.frombuffer(content, kind).reshape(layout.rows, layout.columns)
            # an overlay may sit in the unused bits; the shifts drop it and extend the sign
            yield (values << unused) >> unused if unused else values


def _decoded(
    path: Path, layout: PixelLayout, frames: Sequence[FrameHeader]
) -> Iterator[NDArray[np.generic]]:
    numbers = [frame.number for frame in frames]
    try:
        if layout.offset is None:
            dataset = pydicom.dcmread(path)
            yield from (pixel_array(dataset, index=number) for number in numbers)
            return
        with path.open("rb") as file:
            file.seek(layout.offset)
            decoded = get_decoder(UID(layout.syntax)).iter_array(
                file,
                indices=numbers,
                rows=layout.rows,
                columns=layout.columns,
                number_of_frames=layout.frames,
                samples_per_pixel=1,
                photometric_interpretation="MONOCHROME2",
                bits_allocated=layout.bits_allocated,
                bits_stored=layout.bits_stored,
                pixel_representation=int(layout.signed),
                pixel_keyword="PixelData",
            )
            yield from (values for values, _ in decoded)
    except Exception:  # pydicom and its plug-ins raise anything on damaged bytes
        raise RefusedError("undecodable_pixels") from None
