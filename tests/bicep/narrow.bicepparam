// The roles that should suffice, and nothing that an existing deployment may refuse to update.

using '../../bicep/main.bicep'

param location = 'westeurope'
param roleSet = 'Narrow'
param deployPool = false
