// Touchdown on localcloud: one machine, where a training takes seconds. What is not given here is as in Azure.

using '../../../bicep/main.bicep'

param location = 'localcloud'
param batchMaxNodes = 1
param pollingSeconds = {
  runFirst: '2'
  runCap: '15'
  operationFirst: '0.1'
  operationCap: '2'
}
