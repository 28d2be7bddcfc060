"""`python -m touchdown`: see touchdown.cli."""

import sys

try:
    from touchdown.cli.app import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"{sys.executable} has no {missing.name}: reinstall touchdown, or in a checkout run `make setup`."
    )

if __name__ == "__main__":
    main()
