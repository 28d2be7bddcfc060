"""Conditions of role assignments, version 2.0 (Azure ABAC): `parser` reads them and `terms` evaluates them.

Sources: Microsoft's "Azure role assignment condition format and syntax", "Actions and attributes for Azure
role assignment conditions for Azure Blob Storage" and "Example Azure role assignment conditions for Blob
Storage". What these have and this package lacks is refused when a condition is read, with its words: numeric
operators and attributes that `attributes` does not list.

No document says what a comparison yields whose attribute does not exist. "Actions and attributes" says that a
request that cannot evaluate a condition fails, and an example needs `NOT Exists` beside `StringNotEquals` for
blobs without a tag. So such a comparison is neither true nor false, and a condition must be true to be met.
"""
