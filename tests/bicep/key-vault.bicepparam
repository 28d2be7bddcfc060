// The fallback for error 2505: Data Factory authenticates with keys, which it reads from the vault.

using '../../bicep/main.bicep'

param location = 'westeurope'
param batchAuthentication = 'KeyVault'
