"""The `fedcmr` command, one file per subcommand."""
