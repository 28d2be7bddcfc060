// Nothing but what is required.

using '../../bicep/main.bicep'

param location = 'westeurope'
