"""One measured number, and the bar that it is held to."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, TypeAlias

Verdict: TypeAlias = Literal["met", "not met", "not run", ""]


@dataclass(frozen=True)
class Figure:
    """A line of a bench's table."""

    name: str
    """Dotted, the bench first: "model.true_4d.step.naive"."""
    what: str
    """In words."""
    value: float | None
    """None: not run."""
    unit: str = ""
    """"x" of a ratio, "s", "MB", "%"; nothing of a count or an exponent."""
    at_most: float | None = None
    at_least: float | None = None
    """At most one of both: the bar."""
    detail: str = ""
    """What the value is made of ("8.61 s / 5.22 s"), or why there is none."""

    @classmethod
    def not_run(cls, name: str, what: str, why: str, **bar: Any) -> Self:
        """Return a figure without a value; `bar` is unit, at_most or at_least."""
        return cls(name, what, None, detail=why, **bar)

    @property
    def bar(self) -> str:
        """Return "<= 1.3", ">= 1.6", or nothing."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "" if self.at_least is None else f">= {self.at_least:g}"

    @property
    def verdict(self) -> Verdict:
        """Return whether the bar is met; nothing without one."""
        if self.value is None:
            return "not run"
        if self.at_most is not None:
            return "met" if self.value <= self.at_most else "not met"
        if self.at_least is not None:
            return "met" if self.value >= self.at_least else "not met"
        return ""

    @property
    def measured(self) -> str:
        """Return value and unit in three digits."""
        return "" if self.value is None else f"{self.value:.3g} {self.unit}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"verdict": self.verdict}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return what `to_json` made plain."""
        return cls(**{name: value for name, value in content.items() if name != "verdict"})
