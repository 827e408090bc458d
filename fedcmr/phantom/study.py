"""All series of one patient's visit, in the layout and with the oddities of the site's export."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from fedcmr.phantom.lge import render_lge
from fedcmr.phantom.patient import Patient, draw_patient
from fedcmr.phantom.person import Person, draw_person
from fedcmr.phantom.plane import Plane, draw_plane, slice_offsets_mm
from fedcmr.phantom.render import LGE_DELAY, add_noise, phase_times, pixel_mm, render
from fedcmr.phantom.scanner import Acquisition, acquire
from fedcmr.phantom.series import REAL_OFFSET, Component, Image, Series, store
from fedcmr.phantom.sites import Export, Oddity, SiteProfile
from fedcmr.phantom.torso import torso
from fedcmr.types import DoubleArray, FloatArray

RR_JITTER = 0.02
"""Spread of the RR interval from one breath-hold to the next, relative."""

SLICE_LOCATION_SCALE = 0.66
"""As seen in GE files: steps of 5.3 mm for slices 8 mm apart."""

PHASE_SPAN = 4096.0
SCOUT_PIXELS = 64
SCOUT_SPACING_MM = 6.0
SECONDS_PER_SLICE = 15.0
SLICE_THAT_IS_REPEATED = 2
PSIR_SERIES = 801
"""Number of the phase-sensitive late enhancement; the magnitude comes before it."""


@dataclass(frozen=True)
class Study:
    """One patient at one scanner; everything random about it is drawn."""

    patient: Patient
    person: Person
    institution: str
    acquisition: Acquisition
    export: Export
    plane: Plane
    rr_ms: DoubleArray
    oddities: frozenset[Oddity]

    def __contains__(self, oddity: Oddity) -> bool:
        return oddity in self.oddities


def draw_study(site: SiteProfile, index: int, seed: int) -> Study:
    """Draw patient `index` of a site's cohort; depends on nothing else."""
    entropy = (seed, *site.name.encode(), index)
    rng = np.random.default_rng(entropy)
    patient = draw_patient(rng)
    shares = [export.share for export in site.exports]
    export = site.exports[int(rng.choice(len(shares), p=shares))]
    acquisition = acquire(export.scanner, patient.length_mm, rng)
    rr = patient.rr_ms * (1 + RR_JITTER * rng.standard_normal(acquisition.slices))
    return Study(
        patient=patient,
        person=draw_person(patient, site.name, index, rng),
        institution=site.institution,
        acquisition=acquisition,
        export=export,
        plane=draw_plane(rng),
        rr_ms=np.rint(rr),
        oddities=frozenset(name for name, every in site.oddities if index % every == every - 1),
    )


def series_of(study: Study) -> Iterator[Series]:
    """Yield scouts, cine and late enhancement, as the scanner ran them."""
    cine = _cine(study)
    yield _scouts(study, cine)
    if study.export.layout == "series_per_slice":
        yield from _split(study, cine)
    else:
        yield cine
    yield from _late_enhancement(study)


def _cine(study: Study) -> Series:
    frames = render(study.patient, study.acquisition)
    images = [image for z in range(len(frames)) for image in _slice(study, frames[z], z)]
    if "repeated_slice" in study and study.export.layout in ("one_series", "series_per_slice"):
        images = [*_spoilt(study, frames[SLICE_THAT_IS_REPEATED]), *images]
    if "phase_images" in study:
        images = [twin for image in images for twin in (image, _phase_twin(image))]
    scanner = study.acquisition.scanner
    return _series(study, 300, f"{scanner.sequence} cine SAX", images, study.acquisition.phases)


def _slice(study: Study, frames: FloatArray, z: int, started_s: float = 0.0) -> Iterator[Image]:
    """Yield the phases of one slice; frames (T, Y, X) in units of slope times stored."""
    scanner = study.acquisition.scanner
    times = phase_times(study.acquisition) * study.rr_ms[z]
    stored = store(frames, scanner.slope, 0.0, signed=scanner.signed)
    for phase, time in enumerate(times.tolist()):
        yield replace(
            _image(study, z, "magnitude", scanner.slope, 0.0),
            pixels=stored[phase],
            phase=phase,
            trigger_ms=round(time, 4),
            acquired_s=started_s or 60 + z * SECONDS_PER_SLICE,
        )


def _image(study: Study, z: int, component: Component, slope: float, intercept: float) -> Image:
    """Return slice z of the stack without pixels and times."""
    acquisition, plane = study.acquisition, study.plane
    offset = float(slice_offsets_mm(acquisition)[z])
    orientation = plane.orientation
    if "orientation_jitter" in study and z % 2:
        orientation = (orientation[0] + 1e-6, *orientation[1:])
    scale = SLICE_LOCATION_SCALE if "slice_location_off" in study else 1.0
    return Image(
        pixels=np.zeros((0, 0), np.uint16),
        slope=slope,
        intercept=intercept,
        component=component,
        orientation=orientation,
        position=tuple(plane.corner(acquisition.pixels, acquisition.spacing_mm, offset).tolist()),
        slice_location=scale * float(plane.normal @ plane.centre_mm - offset),
        slice=z,
        phase=0,
        trigger_ms=None,
        rr_ms=float(study.rr_ms[z]),
        acquired_s=0.0,
    )


def _spoilt(study: Study, frames: FloatArray) -> Iterator[Image]:
    """Yield the earlier, noisy acquisition of a slice that was scanned again."""
    noisy = frames.copy()
    sigma = 4 * study.acquisition.noise * study.acquisition.scanner.gain
    add_noise(noisy, sigma, np.random.default_rng((study.acquisition.seed, 5)))
    yield from _slice(study, noisy, SLICE_THAT_IS_REPEATED, started_s=40.0)


def _phase_twin(image: Image) -> Image:
    """Return the phase image that belongs to a magnitude image: a smooth ramp, no flow."""
    rows, columns = image.pixels.shape
    ramp = np.add.outer(np.linspace(-0.2, 0.2, rows), np.linspace(-0.3, 0.3, columns))
    slope = PHASE_SPAN / (2 * REAL_OFFSET)
    pixels = store((ramp * PHASE_SPAN / 2).astype(np.float32), slope, -PHASE_SPAN / 2, signed=False)
    return replace(image, pixels=pixels, slope=slope, intercept=-PHASE_SPAN / 2, component="phase")


def _split(study: Study, cine: Series) -> Iterator[Series]:
    """Give every slice a series of its own, as Siemens' inline planning does."""
    for z in range(study.acquisition.slices):
        yield replace(
            cine,
            number=cine.number + z,
            uid=study.person.uid("series", cine.number + z),
            images=tuple(image for image in cine.images if image.slice == z),
        )


def _late_enhancement(study: Study) -> Iterator[Series]:
    magnitude, real = render_lge(study.patient, study.acquisition)
    signed = study.acquisition.scanner.signed
    kinds: tuple[tuple[Component, FloatArray, float, str], ...] = (
        ("magnitude", magnitude, 0.0, "LGE SAX"),
        ("real", real, -float(REAL_OFFSET), "LGE SAX PSIR"),
    )
    for number, (component, values, intercept, description) in enumerate(kinds, PSIR_SERIES - 1):
        stored = store(values * 1000, 1.0, intercept, signed=signed)
        images = (
            replace(
                _image(study, z, component, 1.0, intercept),
                pixels=stored[z],
                trigger_ms=round(LGE_DELAY * float(study.rr_ms[z]), 4),
                acquired_s=900 + z * SECONDS_PER_SLICE,
            )
            for z in range(study.acquisition.slices)
        )
        series = _series(study, number, description, images, phases=1)
        yield replace(series, repetition_ms=700.0, echo_ms=3.2, flip_angle=25.0, inversion_ms=290.0)


def _scouts(study: Study, cine: Series) -> Series:
    """Three planes through the chest, in a frame of reference of their own."""
    scout = replace(study.acquisition, pixels=SCOUT_PIXELS, spacing_mm=SCOUT_SPACING_MM, phases=1)
    x, y = pixel_mm(scout)
    rng = np.random.default_rng((study.acquisition.seed, 6))
    planes = ((1.0, 0, 0, 0, 1.0, 0), (1.0, 0, 0, 0, 0, -1.0), (0, 1.0, 0, 0, 0, -1.0))
    images = []
    for number, orientation in enumerate(planes):
        picture = torso(study.patient, scout.scanner.contrast, x, y, 0.3 * number)
        add_noise(picture, 0.05, rng)
        plane = Plane(np.array(orientation[:3]), np.array(orientation[3:]), np.zeros(3))
        images.append(
            replace(
                _image(study, 0, "magnitude", 1.0, 0.0),
                pixels=store(picture * 500, 1.0, 0.0, signed=scout.scanner.signed),
                orientation=tuple(map(float, orientation)),
                position=tuple(plane.corner(SCOUT_PIXELS, SCOUT_SPACING_MM, 0.0).tolist()),
                slice_location=0.0,
            )
        )
    series = _series(study, 100, "3-plane localizer", images, phases=0)
    collapsed = "scouts_in_cine_series" in study
    return replace(
        series,
        uid=cine.uid if collapsed else series.uid,
        frame_of_reference=study.person.uid("frame of reference", "scouts"),
        spacing_mm=SCOUT_SPACING_MM,
        repetition_ms=5.1,
    )


def _series(
    study: Study, number: int, description: str, images: Iterable[Image], phases: int
) -> Series:
    acquisition = study.acquisition
    return Series(
        number=number,
        uid=study.person.uid("series", number),
        description=description,
        frame_of_reference=study.person.uid("frame of reference"),
        spacing_mm=acquisition.spacing_mm,
        thickness_mm=acquisition.scanner.thickness_mm,
        distance_mm=acquisition.slice_distance_mm,
        repetition_ms=3.4,
        echo_ms=1.5,
        flip_angle=45.0,
        inversion_ms=None,
        phases=phases,
        images=tuple(images),
    )
