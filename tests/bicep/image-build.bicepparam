// A subscription in which ACR Tasks are not allowed: the scoring cluster builds the images.

using '../../bicep/main.bicep'

param location = 'westeurope'
param imageBuildCompute = 'cpu-cluster'
