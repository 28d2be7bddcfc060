"""Who may do what in storage: a real Azurite, and the SDKs of its services."""
