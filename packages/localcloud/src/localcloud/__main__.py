"""`python -m localcloud`: see localcloud.cli."""

import sys

try:
    from localcloud.cli.app import main
except ModuleNotFoundError as missing:
    sys.exit(f"{sys.executable} has no {missing.name}: install localcloud with what it depends on.")

main()
