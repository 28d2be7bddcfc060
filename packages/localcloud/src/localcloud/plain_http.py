"""Clients of plain HTTP on this machine, which need no certificates."""

import ssl


def no_trust() -> ssl.SSLContext:
    """A context that accepts no certificate, for an httpx client that sends nothing over TLS.

    By default, each such client reads all root certificates, which takes 20 ms of a processor.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
