"""A search for words, dates and keys in whatever may hide them: encoded, packed, in a name."""

import gzip
import html
import io
import re
import zipfile
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

HEAD = 4
"""Bytes of a needle by which its places are found."""


@dataclass(frozen=True)
class Needle:
    """One spelling; `content` is in lower case unless case matters."""

    name: str
    content: bytes
    case_matters: bool = False
    alone: bool = False
    """No digit stands before or after it: eight digits of a long number are no date."""


def of_word(name: str, word: str) -> Iterator[Needle]:
    """Yield the spellings of a word: as text in any case, as bytes in text, escaped."""
    lower = word.lower()
    for code in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield Needle(f"{name}, {code}", lower.encode(code))
    if quote(lower, safe="") != lower:
        yield Needle(f"{name}, URL-encoded", quote(lower, safe="").lower().encode())
    for text in {word, lower, word.upper()}:
        yield Needle(f"{name}, hex", text.encode().hex().encode())
        every = "".join(f"%{byte:02x}" for byte in text.encode())
        yield Needle(f"{name}, every byte URL-encoded", every.encode())
        yield Needle(f"{name}, JSON escapes", every.replace("%", "\\u00").encode())
        yield from _base64(name, text.encode())
        yield from _base64(f"{name}, utf-16", text.encode("utf-16-le"))


def of_bytes(name: str, content: bytes) -> Iterator[Needle]:
    """Yield the spellings of a key or a pseudonym; its first 8 bytes give it away."""
    part = content[:8]
    yield Needle(f"{name}, raw", part.lower())
    yield from _base64(f"{name}, raw", part)
    yield from of_word(name, part.hex())


def of_date(name: str, year: int, month: int, day: int) -> Iterator[Needle]:
    """Yield the spellings of a date."""
    dicom = f"{year:04d}{month:02d}{day:02d}"
    iso = f"{year:04d}-{month:02d}-{day:02d}"
    yield Needle(f"{name}, DICOM", dicom.encode(), alone=True)
    for needle in of_word(f"{name}, DICOM", dicom):
        if needle.content != dicom.encode():
            yield needle
    yield from of_word(f"{name}, ISO", iso)
    for text in (f"{day:02d}.{month:02d}.{year}", f"{month:02d}/{day:02d}/{year}"):
        yield from of_word(name, text)


def _base64(name: str, content: bytes) -> Iterator[Needle]:
    """Yield what base64 makes of the content wherever it begins in a longer text."""
    for before in range(3):
        padded = b"\0" * before + content
        # Characters at the ends depend on the neighbours.
        first, last = -(-8 * before // 6), 8 * len(padded) // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield Needle(f"{name}, base64", encode(padded)[first:last], case_matters=True)


class Search:
    """Finds any of the needles in one pass over the bytes."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._by_head: defaultdict[bytes, set[Needle]] = defaultdict(set)
        for needle in needles:
            self._by_head[needle.content[:HEAD].lower()].add(needle)
        heads = np.frombuffer(b"".join(self._by_head), dtype="<u4").astype(np.uint32)
        self._table = np.zeros(2**20, dtype=np.bool_)
        self._table[_bucket(heads)] = True

    def find(self, content: bytes) -> set[str]:
        """Return the names of the needles that the content holds, packed or not."""
        return {name for layer in layers(content) for name in self._plain(layer)}

    def _plain(self, content: bytes) -> Iterator[str]:
        if len(content) < HEAD:
            return
        lower = content.lower()
        view = np.frombuffer(lower, np.uint8).astype(np.uint32)
        places = view[:-3] | view[1:-2] << 8 | view[2:-1] << 16 | view[3:] << 24
        for place in np.flatnonzero(self._table[_bucket(places)]).tolist():
            for needle in self._by_head.get(lower[place : place + HEAD], ()):
                end = place + len(needle.content)
                seen = (content if needle.case_matters else lower)[place:end]
                beside = content[max(place - 1, 0) : place] + content[end : end + 1]
                if seen == needle.content and not (needle.alone and re.search(rb"\d", beside)):
                    yield needle.name


def _bucket(heads: np.ndarray) -> np.ndarray:
    return (heads * np.uint32(2654435761)) >> np.uint32(12)


def layers(content: bytes, depth: int = 3) -> Iterator[bytes]:
    """Yield the content and what is packed in it: zip (npz too), gzip, zlib, escaped text."""
    yield content
    inner: list[bytes] = []
    if content[:2] == b"PK":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
            inner += [name.encode() for name in archive.namelist()]
            inner += [archive.read(name) for name in archive.namelist()]
    if content[:2] == b"\x1f\x8b":
        with suppress(OSError, EOFError, zlib.error):
            inner.append(gzip.decompress(content))
    if content[:1] == b"\x78":
        with suppress(zlib.error):
            inner.append(zlib.decompress(content))
    if b"&#" in content:
        inner.append(html.unescape(content.decode("latin-1")).encode())
    for part in inner if depth else ():
        yield from layers(part, depth - 1)


def search_files(folder: Path, search: Search) -> Mapping[str, set[str]]:
    """Return what is found in every file below a folder and in every name; nothing else."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        hits = search.find(name.encode("utf-8", "surrogateescape"))
        if path.is_file():
            hits |= search.find(path.read_bytes())
        if hits:
            found[name] = hits
    return found
