"""Federated multi-site training for contrast-free cardiac MRI."""

from importlib.metadata import version

__version__ = version("fedcmr")
