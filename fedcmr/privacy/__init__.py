"""What a site allows, what it spends, and what it writes down of both."""
