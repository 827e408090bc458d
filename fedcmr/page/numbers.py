"""Numbers as a reader expects them."""


def decimal(value: float | None, digits: int = 3) -> str:
    """Write 0.8731 as "0.873"; a true minus sign; a dash where there is no value."""
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def percent(value: float | None, digits: int = 0) -> str:
    """Write 0.873 as "87 %"."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def count(value: int | None) -> str:
    """Write 12345 as "12 345", with narrow spaces that do not break."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def p_value(value: float | None) -> str:
    """Write "p = 0.034", or "p < 0.001" where more digits say nothing."""
    if value is None:
        return "–"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def duration(seconds: float | None) -> str:
    """Write 4000 s as "1 h 07 min"."""
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
