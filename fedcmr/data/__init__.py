"""Data sets: what ingest writes and training reads; every record is one study."""
