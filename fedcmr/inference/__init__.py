"""A release put to use on an export of one's own."""
