"""The command line: `localcloud COMMAND`, or `python -m localcloud COMMAND`.

Each command is a thin layer over localcloud.lifecycle and localcloud.controls. What takes long to import is
imported inside the commands, so that `--help` and a mistyped option answer at once.

Every command takes `--home` (the folder of the cloud) and `--json`: then standard output has one JSON value,
an error or wrong usage included. Exit codes are in localcloud.cli.outcome.
"""
