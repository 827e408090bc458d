"""The numbers behind the figure of a survey, as CSV files beside its page."""

from collections.abc import Mapping

from fedcmr.page.table import Row, csv_text
from fedcmr.survey.figures import bars
from fedcmr.survey.measures import INTENSITY_BINS, MEASURES
from fedcmr.survey.sums import SurveySums

QUARTILES = (0.25, 0.5, 0.75)


def csv_tables(
    pooled: SurveySums | None, sites: Mapping[str, SurveySums], minimum: int
) -> dict[str, str]:
    """Return file name to text; every table is there, without rows where nothing may show.

    Args:
        pooled: of all sites; None where it must not show.
        sites: those that may be shown.
        minimum: least studies of a bar.
    """
    everybody = {"all": pooled, **sites} if pooled else {}
    histograms: list[Row] = []
    if pooled:
        histograms = [(m.name, *bar) for m in MEASURES for bar in bars(m, pooled, minimum)]
    quartiles: list[Row] = [
        (name, measure.name, *(measure.quantile(sums.measures[measure.name], q) for q in QUARTILES))
        for name, sums in everybody.items()
        for measure in MEASURES
    ]
    intensity: list[Row] = [
        (name, index / INTENSITY_BINS, (index + 1) / INTENSITY_BINS, share / max(1, sums.n))
        for name, sums in everybody.items()
        for index, share in enumerate(sums.intensity)
    ]
    return {
        "survey_histograms.csv": csv_text(("measure", "low", "high", "studies"), histograms),
        "survey_quartiles.csv": csv_text(
            ("site", "measure", "lower_quartile", "median", "upper_quartile"), quartiles
        ),
        "survey_intensity.csv": csv_text(("site", "low", "high", "share_of_pixels"), intensity),
    }
