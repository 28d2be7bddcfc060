// Touchdown on localcloud: one machine, where a training takes seconds. What is not given here is as in Azure.

using '../../../bicep/main.bicep'

param location = 'localcloud'
// localcloud's person, who deploys, and its uploader: they are the same in each home.
param publisherPrincipalId = '2f8a437c-9312-5920-a84c-f90cd663bbed'
param uploaders = [{ principalId: '931c595a-54a1-5ab8-836d-33f129f2e747', prefix: '' }]
param batchMaxNodes = 1
param pollingSeconds = {
  runFirst: '2'
  runCap: '15'
  operationFirst: '0.1'
  operationCap: '2'
}
