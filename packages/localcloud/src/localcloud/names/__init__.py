"""The names of a localcloud, which have Azure's shape, and the proxy that leads them to its listeners.

Nothing resolves `<account>.blob.core.<id>.localcloud.test`, and no port stands in it. The proxy, on a
loopback port of its own, takes `CONNECT <name>:443` and leads it to the listener that serves the name; every
other host it passes through. It runs in the process of Azurite: a process of its own would cost more memory.
"""
