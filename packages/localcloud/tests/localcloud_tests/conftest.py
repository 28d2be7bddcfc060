"""What all tests of localcloud share."""

import os

from localcloud.certificates import ROOTS

# No test calls a public host. Reading the public root certificates, which requests does for each connection,
# would take most of the time of a call.
os.environ[ROOTS] = os.devnull
