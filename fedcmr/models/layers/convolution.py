"""Convolution, normalisation and activation of video networks; activations `(B, C, T, Y, X)`."""

from typing import TypeAlias

from torch import nn

from fedcmr.models.layers.normalisation import Normalisation, normalisation

Triple: TypeAlias = tuple[int, int, int]

ONE: Triple = (1, 1, 1)


def conv(channels: int, filters: int, taps: Triple, stride: Triple = ONE) -> nn.Conv3d:
    """Return a convolution without bias; odd taps, zero padding of half their reach."""
    padding = (taps[0] // 2, taps[1] // 2, taps[2] // 2)
    return nn.Conv3d(channels, filters, taps, stride, padding, bias=False)


def conv_norm(
    channels: int, filters: int, taps: Triple, stride: Triple = ONE, *, norm: Normalisation
) -> nn.Sequential:
    """Return a convolution with its norm."""
    return nn.Sequential(conv(channels, filters, taps, stride), normalisation(filters, norm))


def conv_norm_relu(
    channels: int, filters: int, taps: Triple, stride: Triple = ONE, *, norm: Normalisation
) -> nn.Sequential:
    """Return a convolution with its norm and ReLU."""
    return conv_norm(channels, filters, taps, stride, norm=norm).append(nn.ReLU())


def he(network: nn.Module) -> None:
    """Draw all convolutions as He et al., ICCV 2015: variance kept through ReLUs."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
