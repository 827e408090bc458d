"""Importing this loads what the commands of a federation need; see `fedcmr.drill.warm`."""

import importlib
import os

from fedcmr.drill.warm import ENVIRONMENT

os.environ.update(ENVIRONMENT)  # Flower reads it while it is imported

for _name in (
    "anyio._backends._asyncio",
    "fedcmr.cli.main",
    "fedcmr_client.app",
    "fedcmr_client.cli",
    "fedcmr_client.drill_site",
    "fedcmr_client.worker",
    "fedcmr_server.cli",
    "fedcmr_server.run",
    "flwr.supercore.grpc_health",
    "httpcore",
    "matplotlib.backends.backend_svg",
    "torch._dynamo",
    "uvicorn.protocols.http.h11_impl",
):
    importlib.import_module(_name)
