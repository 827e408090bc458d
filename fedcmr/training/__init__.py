"""Training: one loop for a site's round and for a run without federation."""
