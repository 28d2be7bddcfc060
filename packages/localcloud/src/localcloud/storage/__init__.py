"""Storage: Azurite's process, the accounts as Resource Manager shows them, and who may do what there.

`policy` has what Azurite's process decides by, `publishing` writes it, and `hook` decides there, before
Azurite does anything. `clients` are the SDK's, each with the token of a principal or with a key.
"""
