"""`python -m localcloud`: see localcloud.cli."""

from localcloud.cli.app import main

main()
