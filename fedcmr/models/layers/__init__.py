"""Parts that model families share.

Activations are channels-last and contiguous, `(B, *positions, C)`: gates, LayerNorm and
projections work on the last axis as it lies, and convolutions see the same memory as a
channels_last tensor, so nothing is copied between them.
"""
