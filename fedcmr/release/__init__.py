"""A release: a folder with weights, settings, results and provenance, signed as a whole."""
