"""Hosts and ports as people write them, checked before anything is made or opened."""

import ipaddress
import re
import socket
from typing import Annotated

from pydantic import AfterValidator

from fedcmr.errors import NetworkError

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")


def check_host(host: str) -> str:
    """Return the host as it was given: an IP address or a name in letters of DNS (RFC 1123).

    Raises:
        ValueError: it is neither; the message names the ASCII form where there is one (RFC 3490).
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if len(host) <= 253 and _NAME.fullmatch(host):
            return host
        raise ValueError(f"{host!r} is no host name or IP address{_ascii_form(host)}") from None
    return host


def check_address(address: str) -> str:
    """Return host:port as it was given; IPv6 stands in brackets.

    Raises:
        ValueError: the host is none, or the port is not within 1 to 65535.
    """
    if "://" in address:
        raise ValueError(f"{address!r} is a URL; write host:port")
    host, colon, port = address.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise ValueError(f"{address!r} is not host:port with a port from 1 to 65535")
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in host and inner == host:
        raise ValueError(f"{address!r}: an IPv6 address stands in brackets")
    check_host(inner)
    return address


Address = Annotated[str, AfterValidator(check_address)]
"""host:port of a settings file."""


def check_free(address: str) -> None:
    """Check that this machine can listen on host:port.

    Raises:
        NetworkError: it cannot: the port is taken or reserved, or the host another's.
    """
    host, _, port = address.rpartition(":")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # A port that a stopped process held is free, though the system still waits for it.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise NetworkError(
            f"cannot listen: {error.strerror}", where=address, fix="choose another host:port"
        ) from None


def _ascii_form(host: str) -> str:
    try:
        form = host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return f"; write {form}" if form != host and _NAME.fullmatch(form) else ""
