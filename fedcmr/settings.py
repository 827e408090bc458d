"""Settings: frozen pydantic models read from YAML; unknown keys are refused by name."""

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from fedcmr.errors import ConfigurationError


class Settings(BaseModel):
    """Base of every settings section: immutable, no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def canonical_json(self) -> str:
        """Return the one JSON text of these settings: sorted keys, no spaces."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def digest(self) -> str:
        """Return the sha256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()


SettingsT = TypeVar("SettingsT", bound=Settings)


def load_settings(path: Path, kind: type[SettingsT]) -> SettingsT:
    """Read one settings file.

    Raises:
        ConfigurationError: no such file, not YAML, or a value or key is not accepted.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot read settings: {error.strerror}", where=str(path), fix="check the path"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"not valid YAML{line}", where=str(path)) from None
    if not isinstance(data, dict):
        raise ConfigurationError("settings must be a mapping of keys to values", where=str(path))
    return parse_settings(data, kind, where=str(path))


def parse_settings(data: dict[str, Any], kind: type[SettingsT], *, where: str) -> SettingsT:
    """Check a mapping against `kind`; the first problem becomes one line.

    Raises:
        ConfigurationError: a value or key is not accepted.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            names = _sibling_names(kind, first["loc"])
            near = difflib.get_close_matches(str(first["loc"][-1]), names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(names)}"
            raise ConfigurationError(f"unknown key {key!r}", where=where, fix=hint) from None
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "string_pattern_mismatch":
            message = f"{str(first['input'])[:40]!r} does not fit {first['ctx']['pattern']}"
        raise ConfigurationError(f"{key}: {message}" if key else message, where=where) from None


def parse_json(text: str, kind: type[SettingsT], *, where: str) -> SettingsT:
    """Check a JSON text against `kind`.

    Raises:
        ConfigurationError: not a JSON object, or a value or key is not accepted.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigurationError("not a JSON object", where=where)
    return parse_settings(data, kind, where=where)


def _sibling_names(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        field = kind.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            return []
        if not issubclass(field.annotation, BaseModel):
            return []
        kind = field.annotation
    return sorted(kind.model_fields)
