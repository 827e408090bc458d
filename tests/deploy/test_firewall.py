import os
import re
import shutil
import subprocess

import pytest
from fedcmr_server.settings import ServerSettings
from unit_files import DEPLOY, UNITS, values

FIREWALL = DEPLOY / "firewall"
PORT = ServerSettings().listen.rpartition(":")[2]


def rules(name: str) -> str:
    text = (FIREWALL / name).read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))


@pytest.mark.parametrize("side", ["site", "coordinator"])
def test_one_port_is_open_and_it_is_the_listeners(side: str) -> None:
    beside = {"site": {"53"}, "coordinator": {"22"}}[side]
    nft, iptables = rules(f"{side}.nft"), rules(f"{side}.iptables")
    nft = nft.replace("$port", re.findall(r"define port = (\d+)", nft)[0])
    assert set(re.findall(r"dport (\d+)", nft)) == {PORT} | beside
    assert set(re.findall(r"--dport (\d+)", iptables)) == {PORT} | beside


@pytest.mark.parametrize("name", ["site.nft", "site.iptables"])
def test_a_sites_rules_bind_the_user_of_the_unit(name: str) -> None:
    [user] = values(UNITS["client"], "User")
    assert re.search(rf'(skuid != "{user}"|--uid-owner {user}\b)', rules(name))


@pytest.mark.parametrize("side", ["site", "coordinator"])
@pytest.mark.parametrize(
    ("kind", "check"),
    [("nft", ["nft", "--check", "--file", "-"]), ("iptables", ["iptables-restore", "--test"])],
)
def test_the_rules_are_understood(side: str, kind: str, check: list[str]) -> None:
    if shutil.which(check[0]) is None:
        pytest.skip(f"no {check[0]}: install {kind.replace('nft', 'nftables')}")
    if os.geteuid() != 0:
        pytest.skip(f"{check[0]} checks rules for root only")
    text = rules(f"{side}.{kind}")
    text = text.replace('skuid != "fedcmr"', "skuid != 0").replace("owner fedcmr", "owner 0")
    done = subprocess.run(check, input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
