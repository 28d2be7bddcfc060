// Every switch is on, and every value is another than the default.

using '../../bicep/main.bicep'

param location = 'North Europe'
param environmentName = 'lab'
param resourceGroupName = 'rg-of-the-lab'
param tags = { owner: 'lab' }
param trainerHash = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'
param publisherPrincipalId = 'aaaaaaaa-0000-0000-0000-000000000001'
param uploaders = [{ principalId: 'aaaaaaaa-0000-0000-0000-000000000002', prefix: '' }]
param deployPool = true
param batchVmSize = 'Standard_D4s_v5'
param batchImage = {
  publisher: 'almalinux'
  offer: 'almalinux-x86_64'
  sku: '9-gen2'
  nodeAgent: 'batch.node.el 9'
}
param batchTaskSlots = 4
param batchMaxNodes = 8
param batchSpot = true
param batchAuthentication = 'KeyVault'
param roleSet = 'Narrow'
param computeName = 'scoring'
param deployCompute = true
param imageBuildCompute = 'builder'
param computeVmSize = 'Standard_E4s_v3'
param computeMaxNodes = 3
param pythonVersion = '3.14'
param maxInstances = 100
param runDefaults = {
  label: 'species'
  model_name: 'iris'
  endpoint_name: 'iris-endpoint'
  epochs: '20'
  lr: '0.05'
  min_accuracy: '0.9'
  training_timeout: '12h'
  keep_deployments: '3'
  compute_name: 'other-cluster'
  vm_size: 'Standard_F4s_v2'
  task: 'classification'
  algorithm: 'boosting'
  training_budget: '30'
  rare_classes: 'merge'
  class_weights: 'balanced'
  max_rmse: '1.5'
  tolerance: '0.02'
  approval: 'required'
  approval_timeout: '3d'
  uncompared_champion: 'replace'
}
param metadataSettings = ['endpoint_name', 'keep_deployments']
param allowedVmSizes = ['Standard_E4s_v3', 'Standard_E8s_v3']
param runCaps = {
  epochs: 200
  trainingTimeout: '12h'
  rows: 1000000
  textMib: 1024
  compressionRatio: 50
}
param allowTakeOver = true
param pollingSeconds = {
  runFirst: '60'
  runCap: '600'
  operationFirst: '0.5'
  operationCap: '5'
}
param signIn = 'Entra'
param signInClientId = 'bbbbbbbb-0000-0000-0000-000000000001'
param approvers = ['entra:cccccccc-0000-0000-0000-000000000001', 'entra:cccccccc-0000-0000-0000-000000000002']
param alertEmail = 'operator@example.com'
param waitingHours = 6
param retentionInDays = 90
