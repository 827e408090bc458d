"""Three hospitals, each with a 1.5T and a 3T scanner of its own vendor and habits of export.

The matrix is coarse (96 to 112 pixels of 2.2 to 2.9 mm), so that a cohort is written and read
within a minute; a scanner stores 256 of 1.4 mm.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from fedcmr.phantom.scanner import Contrast, Scanner

Layout: TypeAlias = Literal["one_series", "series_per_slice", "enhanced", "enhanced_per_time"]
"""Files of a cine: an image each, in one or many series; all frames in one; one a time point."""

Oddity: TypeAlias = Literal[
    "scouts_in_cine_series",
    "slice_location_off",
    "orientation_jitter",
    "repeated_slice",
    "phase_images",
    "no_field_strength",
    "resource_forks",
]
"""What real exports do beside the standard."""

MaskHabit: TypeAlias = Literal["nifti_by_patient", "nifti_by_study", "segmentation"]
"""How a site keeps its masks: NIfTI files named by patient or by study, or DICOM objects."""


@dataclass(frozen=True)
class Export:
    """One scanner, how its studies leave the archive, and its share of the patients."""

    scanner: Scanner
    layout: Layout
    syntax: UID
    share: float


@dataclass(frozen=True)
class SiteProfile:
    """A hospital: its exports, and how often (every n-th patient) it shows an oddity."""

    name: str
    institution: str
    exports: tuple[Export, ...]
    oddities: tuple[tuple[Oddity, int], ...]
    masks: MaskHabit


_GE_15 = Scanner(
    manufacturer="GE MEDICAL SYSTEMS",
    vendor="GE",
    model="SIGNA HDx",
    software="14\\LX\\MR Software release:14.0_M4_0629.a",
    field_strength=1.5,
    sequence="FIESTA",
    contrast=Contrast(1.0, 0.30, 0.85, 0.06, 0.35, 0.42),
    gain=900,
    slope=1.0,
    signed=True,
    noise=(0.02, 0.03),
    bias=0.25,
    round_view=True,
    pixels=(96, 112),
    spacing_mm=(2.5, 2.9),
    slice_distances_mm=(8.0, 10.0),
    thickness_mm=8.0,
    phases=(20,),
)
_GE_30 = Scanner(
    manufacturer="GE MEDICAL SYSTEMS",
    vendor="GE",
    model="DISCOVERY MR750",
    software="24\\LX\\MR Software release:DV24.0_R01_1344.a",
    field_strength=3.0,
    sequence="FIESTA",
    contrast=Contrast(1.0, 0.26, 0.70, 0.05, 0.30, 0.38),
    gain=1500,
    slope=1.0,
    signed=True,
    noise=(0.012, 0.024),
    bias=0.4,
    round_view=True,
    pixels=(112,),
    spacing_mm=(2.3, 2.6),
    slice_distances_mm=(8.0,),
    thickness_mm=8.0,
    phases=(20, 24),
)
_SIEMENS_15 = Scanner(
    manufacturer="SIEMENS",
    vendor="Siemens",
    model="Avanto",
    software="syngo MR B17",
    field_strength=1.5,
    sequence="*tfi2d1_13",
    contrast=Contrast(1.0, 0.27, 0.95, 0.05, 0.33, 0.40),
    gain=300,
    slope=1.0,
    signed=False,
    noise=(0.02, 0.03),
    bias=0.25,
    round_view=False,
    pixels=(104,),
    spacing_mm=(2.4, 2.8),
    slice_distances_mm=(8.0, 10.0),
    thickness_mm=6.0,
    phases=(18, 25),
)
_SIEMENS_30 = Scanner(
    manufacturer="Siemens Healthineers",
    vendor="Siemens",
    model="MAGNETOM Vida",
    software="syngo MR XA20",
    field_strength=3.0,
    sequence="*tfi2d1_15",
    contrast=Contrast(1.0, 0.24, 0.80, 0.04, 0.28, 0.36),
    gain=420,
    slope=1.0,
    signed=False,
    noise=(0.012, 0.024),
    bias=0.4,
    round_view=False,
    pixels=(112,),
    spacing_mm=(2.2, 2.5),
    slice_distances_mm=(7.0, 8.0),
    thickness_mm=6.0,
    phases=(25,),
)
_PHILIPS_15 = Scanner(
    manufacturer="Philips Medical Systems",
    vendor="Philips",
    model="Achieva",
    software="3.2.3\\3.2.3.1",
    field_strength=1.5,
    sequence="sBTFE",
    contrast=Contrast(1.0, 0.32, 0.80, 0.07, 0.36, 0.45),
    gain=1200,
    slope=1.6849,
    signed=False,
    noise=(0.02, 0.03),
    bias=0.25,
    round_view=False,
    pixels=(112,),
    spacing_mm=(2.3, 2.7),
    slice_distances_mm=(8.0,),
    thickness_mm=8.0,
    phases=(25, 30),
)
_PHILIPS_30 = Scanner(
    manufacturer="Philips",
    vendor="Philips",
    model="Ingenia",
    software="5.3.1\\5.3.1.3",
    field_strength=3.0,
    sequence="sBTFE",
    contrast=Contrast(1.0, 0.28, 0.65, 0.05, 0.31, 0.40),
    gain=800,
    slope=0.9431,
    signed=False,
    noise=(0.012, 0.024),
    bias=0.4,
    round_view=False,
    pixels=(112,),
    spacing_mm=(2.2, 2.5),
    slice_distances_mm=(8.0, 10.0),
    thickness_mm=8.0,
    phases=(20, 30),
)

SITES = {
    site.name: site
    for site in (
        SiteProfile(
            name="ge",
            institution="North Phantom Hospital",
            exports=(
                Export(_GE_15, "one_series", ExplicitVRLittleEndian, 0.5),
                Export(_GE_30, "one_series", ExplicitVRLittleEndian, 0.35),
                Export(_GE_30, "one_series", RLELossless, 0.15),
            ),
            oddities=(
                ("scouts_in_cine_series", 2),
                ("slice_location_off", 1),
                ("orientation_jitter", 3),
                ("repeated_slice", 11),
                ("resource_forks", 13),
            ),
            masks="nifti_by_patient",
        ),
        SiteProfile(
            name="siemens",
            institution="South Phantom Clinic",
            exports=(
                Export(_SIEMENS_15, "series_per_slice", ExplicitVRLittleEndian, 0.5),
                Export(_SIEMENS_30, "enhanced_per_time", ExplicitVRLittleEndian, 0.5),
            ),
            oddities=(("repeated_slice", 9), ("no_field_strength", 25)),
            masks="segmentation",
        ),
        SiteProfile(
            name="philips",
            institution="West Phantom Institute",
            exports=(
                Export(_PHILIPS_15, "one_series", ImplicitVRLittleEndian, 0.25),
                Export(_PHILIPS_15, "enhanced", ExplicitVRLittleEndian, 0.25),
                Export(_PHILIPS_30, "enhanced", ExplicitVRLittleEndian, 0.5),
            ),
            oddities=(("phase_images", 15), ("orientation_jitter", 4)),
            masks="nifti_by_study",
        ),
    )
}
"""The ready hospitals by name."""
