"""The hospital side of a federation."""
