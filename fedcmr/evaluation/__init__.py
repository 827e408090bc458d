"""Statistics from additive sums: what sites send, and what the coordinator makes of it."""
