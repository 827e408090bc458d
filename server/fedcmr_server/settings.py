"""The coordinator's folder: server.yaml, certificates, enrolled sites, runs."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from fedcmr.config import Experiment
from fedcmr.errors import ConfigurationError
from fedcmr.federation.address import Address
from fedcmr.settings import Settings, load_settings


class ServerSettings(Settings):
    """Content of server.yaml."""

    listen: Address = Field("0.0.0.0:8443", description="host:port for the sites")
    health: Address | None = Field(None, description="host:port of the gRPC health server")


@dataclass(frozen=True)
class ServerFolder:
    """Where things of a coordinator lie."""

    path: Path
    settings: ServerSettings

    @property
    def pki(self) -> Path:
        """ca.pem, ca.key, server.pem, server.key."""
        return self.path / "pki"

    @property
    def signing_key(self) -> Path:
        """Private key that signs releases."""
        return self.path / "signing" / "release.key"

    @property
    def public_key(self) -> Path:
        """Verifies releases; for everyone."""
        return self.path / "signing" / "release.pub"

    @property
    def sites(self) -> Path:
        """One `<name>.pub` per enrolled site."""
        return self.path / "sites"

    @property
    def lock(self) -> Path:
        """Held while a run is served."""
        return self.path / ".lock"

    def run(self, experiment: Experiment) -> Path:
        """Return the folder of an experiment's run: checkpoint, history, status, release."""
        return self.path / "runs" / f"{experiment.name}-{experiment.digest()[:8]}"


def open_server(path: Path) -> ServerFolder:
    """Open the folder that `fedcmr-server init` made.

    Raises:
        ConfigurationError: no server.yaml there, a key or value in it is not accepted, or a
            private key is open to others.
    """
    if not (path / "server.yaml").is_file():
        raise ConfigurationError(
            "no server.yaml", where=str(path), fix="make a coordinator with `fedcmr-server init`"
        )
    folder = ServerFolder(path, load_settings(path / "server.yaml", ServerSettings))
    for key in (folder.pki / "ca.key", folder.pki / "server.key", folder.signing_key):
        _check_private(key)
    return folder


def _check_private(key: Path) -> None:
    try:
        is_open = key.stat().st_mode & 0o077
    except OSError:
        return  # who needs the key says so
    if is_open:
        raise ConfigurationError(
            "others can use this private key", where=str(key), fix=f"chmod 600 {key}"
        )
