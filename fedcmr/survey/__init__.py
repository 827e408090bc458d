"""The data of a federation before any training: what sites hold, and whose differ."""
