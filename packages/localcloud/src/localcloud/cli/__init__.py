"""The command line: `python -m localcloud COMMAND`.

One module per group of commands, each a thin layer over localcloud.stack and localcloud.controls. What takes
long to import is imported inside the commands, so that `--help` and a mistyped option answer at once.

Every command takes `--home` (the folder of the cloud) and `--json`: then standard output has one JSON value
and nothing else, an error too (`{"error": {"code", "message"}}`); what is said meanwhile goes to standard
error. The exit codes are in localcloud.cli.outcome.
"""
