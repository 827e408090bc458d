"""P_ij of the MVO paper, pixel by pixel."""

from collections.abc import Sequence


def slow_coarse_mask(mask: Sequence[Sequence[bool]], grid: int) -> list[list[float]]:
    """Count the pixels of each cell; what lies outside the image counts as empty."""
    side = len(mask)
    cell = (side + grid - 1) // grid
    counts = [[0] * grid for _ in range(grid)]
    places = [pixel // cell for pixel in range(side)]
    for row, place in zip(mask, places, strict=True):
        of_row = counts[place]
        for pixel, column in zip(row, places, strict=True):
            if pixel:
                of_row[column] += 1
    return [[count / cell**2 for count in row] for row in counts]
