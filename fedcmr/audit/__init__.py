"""Does a release give its training patients away? Attacks, run where the patients are."""
