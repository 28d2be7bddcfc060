"""The command line: `localcloud COMMAND`, or `python -m localcloud COMMAND`.

Each command is a thin layer over localcloud.lifecycle and localcloud.controls. Modules that take long to
import are imported inside the commands, so that `--help` and a mistyped option are answered at once.

Every command takes `--home` (the folder of the cloud) and `--json`, which prints one JSON value to standard
output, also for an error or wrong usage. localcloud.cli.outcome lists the exit codes.
"""
