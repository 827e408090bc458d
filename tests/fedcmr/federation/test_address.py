import socket

import pytest

from fedcmr.errors import NetworkError
from fedcmr.federation.address import check_address, check_free, check_host


@pytest.mark.parametrize("host", ["fl.example.org", "127.0.0.1", "::1", "server-1", "a_b.local."])
def test_hosts(host: str) -> None:
    assert check_host(host) == host


@pytest.mark.parametrize("host", ["", "a b", "-a", "a..b", "fl.example.org:1", "x" * 64, "a/b"])
def test_no_hosts(host: str) -> None:
    with pytest.raises(ValueError, match="no host name"):
        check_host(host)


def test_a_name_beyond_ascii_is_refused_with_the_form_that_works() -> None:
    with pytest.raises(ValueError, match=r"; write xn--mnchen-3ya\.example$"):
        check_host("münchen.example")


@pytest.mark.parametrize("address", ["fl.example.org:8443", "0.0.0.0:1", "[::]:65535"])
def test_addresses(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize(
    "address", ["a:0", "a:65536", "a:99999", "a:", "a", ":80", "::1:80", "a:1x", "https://a:1"]
)
def test_no_addresses(address: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|host name|brackets|is a URL; write host:port"):
        check_address(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_taken_port_is_told(host: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"{host}:{taken.getsockname()[1]}"
        with pytest.raises(NetworkError, match="cannot listen: Address already in use"):
            check_free(address)
    check_free(address)
