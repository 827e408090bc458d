"""Tasks: what a study is labelled with, what the network sees, and what its answer costs."""
