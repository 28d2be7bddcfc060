// Training on spot nodes.

using '../../bicep/main.bicep'

param location = 'westeurope'
param batchSpot = true
