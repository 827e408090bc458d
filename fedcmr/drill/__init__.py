"""Drills: real processes on one machine, and what goes wrong in hospitals done to them."""
