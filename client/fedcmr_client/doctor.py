"""What can be wrong at a site, then between it and its federation, in the order of causes."""

import os
import shutil
import socket
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

import fedcmr
from fedcmr.data.store import open_dataset
from fedcmr.errors import CheckFailed, ConfigurationError, FedcmrError, NetworkError
from fedcmr.privacy.chain import walk
from fedcmr_client.keys import check_private, load_site_key
from fedcmr_client.link import connect, unreachable
from fedcmr_client.settings import SiteFolder

TIMEOUT_S = 10.0
MAX_CLOCK_ERROR_S = 20.0
"""Flower refuses a signature whose time stamp is older; its window is wider than this."""

MIN_FREE_BYTES = 5 * 10**9


@dataclass(frozen=True)
class Finding:
    """Outcome of one check; `error` is None where all is well."""

    check: str
    text: str
    error: FedcmrError | None = None


def examine(site: SiteFolder, *, running: bool) -> Iterator[Finding]:
    """Run the checks in turn and stop at the first that fails: the later ones depend on it.

    Args:
        site: the site's folder.
        running: a client of this site is connected, so that its key must not be used twice.
    """
    checks: list[tuple[str, Callable[[SiteFolder], str]]] = [
        ("keys", _keys),
        ("disk", _disk),
        ("device", _device),
        ("data set", _dataset),
        ("policy", _policy),
        ("ledgers", _ledgers),
        ("DNS", _dns),
        ("TCP", _tcp),
        ("TLS", _tls),
        ("clock", _clock),
        ("enrolment and version", _running if running else _enrolment),
    ]
    for name, check in checks:
        try:
            yield Finding(name, check(site))
        except FedcmrError as error:
            yield Finding(name, str(error), error)
            return


def _address(site: SiteFolder) -> tuple[str, int]:
    host, _, port = site.settings.server.rpartition(":")
    return host.strip("[]"), int(port)


def _first_hop(site: SiteFolder) -> tuple[str, int]:
    """Return where the first connection goes: the coordinator, or the proxy that is set."""
    host, port = _address(site)
    proxy = urllib.request.getproxies().get("https")
    if proxy is None or urllib.request.proxy_bypass(host):
        return host, port
    hop = urllib.parse.urlsplit(proxy)
    return hop.hostname or host, hop.port or 3128


def _dns(site: SiteFolder) -> str:
    host, port = _first_hop(site)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        raise NetworkError("no such host", where=host, fix="check `server` in site.yaml") from None
    return f"{host} is {found[0][4][0]}"


def _tcp(site: SiteFolder) -> str:
    host, port = _first_hop(site)
    try:
        socket.create_connection((host, port), timeout=TIMEOUT_S).close()
    except ConnectionRefusedError:
        raise NetworkError(
            "nothing listens there",
            where=f"{host}:{port}",
            fix="ask the coordinator whether the server runs",
        ) from None
    except OSError:
        raise NetworkError(
            "no connection",
            where=f"{host}:{port}",
            fix=f"ask for outbound TCP port {port} to be opened in the firewall",
        ) from None
    return f"port {port} is open"


def _tls(site: SiteFolder) -> str:
    host, _ = _address(site)
    protocol, _ = _greet(site)
    return f"{protocol}, certificate for {host} signed by {site.settings.ca}"


def _clock(site: SiteFolder) -> str:
    _, stated = _greet(site)
    if stated is None:
        raise CheckFailed("the coordinator states no time", fix="compare both clocks by hand")
    error_s = time.time() - parsedate_to_datetime(stated).timestamp()
    if abs(error_s) > MAX_CLOCK_ERROR_S:
        raise CheckFailed(
            f"this clock is {error_s:+.0f} s off the coordinator's",
            fix="switch on NTP, for example `timedatectl set-ntp true`",
        )
    return f"within {max(1, round(abs(error_s)))} s of the coordinator"


def _enrolment(site: SiteFolder) -> str:
    with connect(site.settings.server, site.ca, load_site_key(site.site_key)) as connection:
        theirs = connection.server_version
    if theirs != fedcmr.__version__:
        raise CheckFailed(
            f"the coordinator runs fedcmr {theirs}, this site {fedcmr.__version__}",
            fix="install the same version",
        )
    return f"key accepted; both sides run fedcmr {theirs}"


def _running(site: SiteFolder) -> str:
    return "a client of this site is running; see its log"


def _disk(site: SiteFolder) -> str:
    free = shutil.disk_usage(site.path).free
    if free < MIN_FREE_BYTES:
        raise CheckFailed(
            f"{free / 1e9:.1f} GB free", where=str(site.path), fix="free at least 5 GB"
        )
    if not os.access(site.path, os.W_OK):
        raise CheckFailed("cannot write", where=str(site.path), fix="check owner and mode")
    return f"{free / 1e9:.0f} GB free"


def _device(site: SiteFolder) -> str:
    import torch

    if not torch.cuda.is_available():
        return f"no GPU; {site.settings.threads or os.cpu_count()} CPU threads"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names)


def _dataset(site: SiteFolder) -> str:
    dataset = open_dataset(site.dataset)
    counts = dataset.manifest.counts
    found = f"{counts.studies} studies of {counts.patients} patients"
    if not dataset.manifest.preprocessing.per_slice:
        return found
    labelled = [value for record in dataset.records for value in record.mvo_slices]
    return f"{found}; labelled slices: {labelled.count(1)} with MVO, {labelled.count(0)} without"


def _keys(site: SiteFolder) -> str:
    load_site_key(site.site_key)
    check_private(site.pseudonym_key)
    return "for this user's eyes only"


def _policy(site: SiteFolder) -> str:
    given = site.settings.policy.model_dump(mode="json")
    bounds = [
        f"{name} {_words(value)}" for name, value in given.items() if value not in (None, False, [])
    ]
    role = "trains and validates" if site.settings.role == "train" else "validates only"
    return "; ".join([role, *bounds])


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _ledgers(site: SiteFolder) -> str:
    lines = [walk(path, lambda entry: None).lines for path in (site.outbound, site.budget)]
    return f"{lines[0]} messages that left, {lines[1]} lines of spending; both verify"


def _greet(site: SiteFolder) -> tuple[str, str | None]:
    """Return the TLS version and the Date header of any answer."""
    try:
        context = ssl.create_default_context(cafile=str(site.ca))
    except (OSError, ssl.SSLError):
        raise ConfigurationError(
            "cannot read the CA certificate", where=str(site.ca), fix="copy ca.pem again"
        ) from None
    url = f"https://{site.settings.server}/"
    try:
        with (
            httpx.Client(verify=context, timeout=TIMEOUT_S) as client,
            client.stream("GET", url) as response,
        ):
            tls = response.extensions["network_stream"].get_extra_info("ssl_object")
            return tls.version(), response.headers.get("date")
    except httpx.TransportError as error:
        raise unreachable(error, site.settings.server) from None
