"""Words for scanner and patient: closed lists, so that no free text of a header is written."""

from fedcmr.dicom.header import ImageHeader

UNKNOWN = "unknown"
OTHER = "other"

VENDORS = {
    "ge": "GE",
    "siemens": "Siemens",
    "philips": "Philips",
    "canon": "Canon",
    "toshiba": "Canon",
    "hitachi": "Fujifilm",
    "fujifilm": "Fujifilm",
    "uih": "United Imaging",
    "united": "United Imaging",
    "esaote": "Esaote",
    "neusoft": "Neusoft",
}
"""First word of Manufacturer, in small letters, to the vendor."""

MODELS = (
    # GE
    *("Signa HDxt", "Signa HDx", "Signa Excite", "Signa Explorer", "Signa Artist"),
    *("Signa Architect", "Signa Premier", "Signa Voyager", "Signa Pioneer", "Signa Hero"),
    *("Genesis Signa", "Discovery MR450", "Discovery MR750w", "Discovery MR750"),
    *("Optima MR360", "Optima MR450w", "Signa"),
    # Siemens
    *("Avanto", "Aera", "Altea", "Amira", "Biograph mMR", "Cima", "Espree", "Essenza", "Lumina"),
    *("Prisma", "Sempra", "Skyra", "Sola", "Sonata", "Symphony", "Terra", "TrioTim", "Trio"),
    *("Verio", "Vida", "Free.Max"),
    # Philips
    *("Achieva dStream", "Achieva", "Ambition", "Elition", "Gyroscan", "Ingenia", "Intera"),
    *("Panorama",),
    # others
    *("Vantage", "Echelon", "Oasis", "uMR"),
)
"""Scanner families; the longer of two names that both fit comes first."""

SEXES = {"F": "F", "M": "M", "O": "O"}
PHANTOM_SERIAL = "FEDCMR-PHANTOM"
"""DeviceSerialNumber of a synthetic object made by `fedcmr phantom`."""

NOMINAL_FIELDS = {"0.35T": 0.35, "0.55T": 0.55, "1T": 1.0, "1.5T": 1.5, "3T": 3.0, "7T": 7.0}
FIELD_TOLERANCE = 0.1
"""Relative: a 3T magnet has 2.89 tesla."""
GAUSS = 10_000.0
"""Per tesla: some scanners write 15000."""

OLDEST = 90


def vendor_of(image: ImageHeader) -> str:
    """Return the maker's name, "other", or "unknown" where the header does not tell."""
    words = image.manufacturer.lower().replace("_", " ").split()
    if not words or words[0] == UNKNOWN:
        return UNKNOWN
    return VENDORS.get(words[0], OTHER)


def model_of(image: ImageHeader) -> str:
    """Return the scanner family, "other", or "unknown" where the header does not tell."""
    text = image.model.lower()
    if not text or text == UNKNOWN:
        return UNKNOWN
    return next((name for name in MODELS if name.lower() in text), OTHER)


def field_strength_of(image: ImageHeader) -> str:
    """Return the nominal field such as "1.5T", "other", or "unknown"."""
    field = image.field_strength or 0.0
    tesla = field / GAUSS if field > 100 else field
    if tesla <= 0:
        return UNKNOWN
    fits = (
        n for n, nominal in NOMINAL_FIELDS.items() if abs(tesla / nominal - 1) < FIELD_TOLERANCE
    )
    return next(fits, OTHER)


def is_phantom(image: ImageHeader) -> bool:
    """Tell whether the object is synthetic."""
    return image.serial == PHANTOM_SERIAL


def sex_of(image: ImageHeader) -> str:
    """Return "F", "M", "O" or "unknown"."""
    return SEXES.get(image.sex.upper(), UNKNOWN)


def age_of(image: ImageHeader) -> int | None:
    """Return PatientAge in whole years; months, weeks and days are 0 years or more."""
    digits, unit = image.age[:-1], image.age[-1:]
    if not digits.isdecimal() or unit not in {"Y", "M", "W", "D"}:
        return None
    return int(int(digits) / {"Y": 1, "M": 12, "W": 52, "D": 365}[unit])


def age_band(age: int | None) -> str:
    """Return the decade such as "40-49"; below 20 and from 90 the ends are left open."""
    if age is None:
        return UNKNOWN
    if age >= OLDEST:
        return f"{OLDEST}+"
    return "0-19" if age < 20 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"
