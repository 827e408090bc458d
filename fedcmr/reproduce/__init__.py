"""The papers' tables: as published, checked, and beside ours."""
