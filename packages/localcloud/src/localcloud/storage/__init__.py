"""Storage: Azurite's process, and the accounts as Resource Manager shows them."""
