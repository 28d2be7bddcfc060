// All resources of Touchdown, in one resource group.
//
//   az deployment sub create --template-file bicep/main.bicep --location <region> --parameters location=<region>
//
// events.bicep adds the event subscriptions once the code is published. docs/deploy.md describes all steps.

targetScope = 'subscription'

import { checked, Uploader } from 'conditions.bicep'
import { namesOf, regionOf, Tags } from 'names.bicep'
import { NodeImage } from 'modules/batch.bicep'
import { VaultEntries } from 'modules/keys.bicep'
import { PollingSeconds, RunCaps, RunDefaults } from 'modules/settings.bicep'

@description('Required. Region of all resources, such as westeurope or West Europe; it must offer Flex Consumption and Azure ML.')
@minLength(1)
param location string

@description('Optional. Name of this environment. Another name creates another set of resources; another region needs another name.')
@minLength(1)
@maxLength(40)
param environmentName string = 'touchdown'

@description('Optional. Resource group of this environment alone; it is created if it does not exist, and cannot change its region.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-${environmentName}'

@description('Optional. Tags for every resource.')
param tags Tags = {}

@description('Optional. SHA-256 of the published trainer, as publishing prints it. If empty, the pipeline is not changed.')
@maxLength(64)
param trainerHash string = ''

@description('Optional. Object id of the person or program that publishes the trainer, in place of whoever deploys this template.')
param publisherPrincipalId string = deployer().objectId

@description('Optional. Who may upload datasets: object ids of people, groups and programs, each with the beginning of the file names that it may read, list and write. End it with a sign such as -, because sales also allows sales-emea.csv. An empty one allows all datasets.')
@maxLength(50)
param uploaders Uploader[] = []

@description('Optional. Whether to create or update the Batch pool. If false, a pool that exists stays as it is, should Batch refuse to update it.')
param deployPool bool = true

@description('Optional. VM size of the Batch nodes, which must support Generation 2; cannot be changed later.')
@minLength(1)
param batchVmSize string = 'Standard_D2s_v3'

@description('Optional. Image of the Batch nodes, and the node agent for it; cannot be changed later.')
param batchImage NodeImage = {
  publisher: 'microsoft-dsvm'
  offer: 'ubuntu-hpc'
  sku: '2404'
  nodeAgent: 'batch.node.ubuntu 24.04'
}

@description('Optional. Tasks that a Batch node runs at once, at most four for each core; cannot be changed later.')
@minValue(1)
@maxValue(256)
param batchTaskSlots int = 2

@description('Optional. Maximum number of nodes in the Batch pool, which scales from 0.')
@minValue(1)
@maxValue(100)
param batchMaxNodes int = 2

@description('Optional. Whether Batch nodes are spot nodes: much cheaper, but a training may have to start again.')
param batchSpot bool = false

@description('Optional. How Data Factory authenticates to Batch and storage. KeyVault is the fallback for error 2505: it turns shared keys on and stores them in the vault.')
@allowed(['ManagedIdentity', 'KeyVault'])
param batchAuthentication string = 'ManagedIdentity'

@description('Optional. Proven: roles with which a Custom activity and a batch endpoint are reported or documented to work. Narrow: narrower ones instead. docs/roles.md lists both.')
@allowed(['Proven', 'Narrow'])
param roleSet string = 'Proven'

@description('Optional. Name of the scoring cluster.')
@minLength(3)
@maxLength(24)
param computeName string = 'cpu-cluster'

@description('Optional. Whether to create or update the scoring cluster. If false, the first run creates it, and no deployment fails for lack of quota.')
param deployCompute bool = false

@description('Optional. Name of a cluster that builds the images of deployments, where ACR Tasks are not allowed (TasksOperationsNotAllowed). The cluster computeName is then deployed too; any other must exist, and its identity needs AcrPush on the registry.')
@maxLength(24)
param imageBuildCompute string = ''

@description('Optional. VM size of the scoring cluster; cannot be changed later.')
@minLength(1)
param computeVmSize string = 'Standard_DS3_v2'

@description('Optional. Maximum number of nodes in the scoring cluster, which scales from 0.')
@minValue(1)
@maxValue(100)
param computeMaxNodes int = 2

@description('Optional. Python version of the Function App.')
@allowed(['3.13', '3.14'])
param pythonVersion string = '3.13'

@description('Optional. Maximum number of instances of the Function App.')
@minValue(40)
@maxValue(1000)
param maxInstances int = 40

@description('Optional. Default settings of every run, as strings, such as { epochs: \'20\' }.')
param runDefaults RunDefaults = {}

@description('Optional. Run settings that the metadata of a dataset may set to any value, although its uploader does not own them (docs/settings.md).')
@maxLength(20)
param metadataSettings string[] = []

@description('Optional. VM sizes that a run may name for a new scoring cluster, beside the app\'s own.')
@maxLength(50)
param allowedVmSizes string[] = []

@description('Optional. The most that anyone may ask of a run: epochs, time limit of the training, and a dataset\'s rows, text that is compressed, and ratio of compression.')
param runCaps RunCaps = {
  epochs: 10000
  trainingTimeout: '7d'
  rows: 100000000
  textMib: 32768
  compressionRatio: 100
}

@description('Optional. Whether a caller over HTTP may let a run take over an endpoint or a model name that belongs to another dataset or to nobody.')
param allowTakeOver bool = false

@description('Optional. Intervals at which runs and operations are polled, in seconds, as strings. The defaults suit trainings of minutes and more.')
param pollingSeconds PollingSeconds = {
  runFirst: '30'
  runCap: '300'
  operationFirst: '2'
  operationCap: '30'
}

@description('Optional. Who may call the HTTP API. Key: whoever has a function key. Entra: whoever App Service authentication has signed in; it needs signInClientId (docs/deploy.md, Sign-in).')
@allowed(['Key', 'Entra'])
param signIn string = 'Key'

@description('Optional. Client id of the app registration for which callers get tokens; required if signIn is Entra.')
@maxLength(36)
param signInClientId string = ''

@description('Optional. Who may approve or reject runs: key: and the SHA-256 of a function key, or entra: and the object id of a principal. If empty, everyone who may call the HTTP API.')
param approvers string[] = []

@description('Optional. Email address for alerts. If empty, only Azure Monitor shows them.')
@maxLength(254)
param alertEmail string = ''

@description('Optional. Hours of training after which an alert reports that a run waits too long.')
@minValue(1)
@maxValue(24)
param waitingHours int = 4

@description('Optional. Days for which logs, activity logs, dead letters and earlier versions of blobs are kept.')
@minValue(30)
@maxValue(730)
param retentionInDays int = 30

var region = regionOf(location)
var names = namesOf(subscription().id, environmentName, region)
var allTags = union(tags, { 'azd-env-name': environmentName })
var poolName = 'trainers'
var vaultEntries VaultEntries = { storage: 'data-storage-key', batch: 'batch-key' }
var withKeys = batchAuthentication == 'KeyVault'

// Resource Manager ignores the case of its name; guid(), which names role assignments, does not.
resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: toLower(resourceGroupName)
  location: region
  tags: allTags
}

module identities 'modules/identities.bicep' = {
  scope: group
  params: { location: region, tags: allTags, names: names }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: { location: region, tags: allTags, names: names, retentionInDays: retentionInDays }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    location: region
    tags: allTags
    names: names
    sharedKey: withKeys
    retentionInDays: retentionInDays
    logsId: monitoring.outputs.logsId
  }
}

module vaultAndRegistry 'modules/vault-and-registry.bicep' = {
  scope: group
  params: { location: region, tags: allTags, names: names }
}

module roleDefinitions 'modules/role-definitions.bicep' = {
  scope: group
  params: { names: names }
}

// Principal ids and Azure ML's container are known only while deploying, so what-if cannot show the modules that assign
// roles to them: docs/architecture.md says why the names of assignments contain principal ids all the same.
module roles 'modules/roles.bicep' = {
  scope: group
  #disable-diagnostics what-if-short-circuiting
  params: {
    names: names
    appPrincipalId: identities.outputs.app.principalId
    trainingPrincipalId: identities.outputs.training.principalId
    eventsPrincipalId: identities.outputs.events.principalId
    proven: roleSet == 'Proven'
  }
  #restore-diagnostics what-if-short-circuiting
  dependsOn: [monitoring, roleDefinitions, storage]
}

module rolesOfMachineLearning 'modules/roles-machine-learning.bicep' = {
  scope: group
  #disable-diagnostics what-if-short-circuiting
  params: {
    names: names
    scoringPrincipalId: identities.outputs.scoring.principalId
    workspacePrincipalId: identities.outputs.workspace.principalId
    proven: roleSet == 'Proven'
    buildsImages: imageBuildCompute == computeName
  }
  #restore-diagnostics what-if-short-circuiting
  dependsOn: [monitoring, roleDefinitions, storage, vaultAndRegistry]
}

module workspace 'modules/workspace.bicep' = {
  scope: group
  params: {
    location: region
    tags: allTags
    names: names
    identityId: identities.outputs.workspace.id
    storageId: storage.outputs.dataId
    vaultId: vaultAndRegistry.outputs.vaultId
    registryId: vaultAndRegistry.outputs.registryId
    insightsId: monitoring.outputs.insightsId
    imageBuildCompute: imageBuildCompute
  }
  dependsOn: [rolesOfMachineLearning]
}

module compute 'modules/compute.bicep' = if (deployCompute || imageBuildCompute == computeName) {
  scope: group
  params: {
    location: region
    tags: allTags
    names: names
    identityId: identities.outputs.scoring.id
    computeName: computeName
    vmSize: computeVmSize
    maxNodes: computeMaxNodes
  }
  dependsOn: [workspace]
}

module containers 'modules/containers.bicep' = {
  scope: group
  params: { names: names, container: workspace.outputs.container }
}

module batch 'modules/batch.bicep' = {
  scope: group
  params: {
    location: region
    tags: allTags
    names: names
    poolName: poolName
    identityId: identities.outputs.training.id
    storageId: storage.outputs.dataId
    sharedKey: withKeys
    deployPool: deployPool
    startFilesUrl: '${storage.outputs.dataUrl}/${workspace.outputs.container}/code/pool'
    vmSize: batchVmSize
    image: batchImage
    taskSlots: batchTaskSlots
    maxNodes: batchMaxNodes
    spot: batchSpot
    logsId: monitoring.outputs.logsId
  }
  dependsOn: [roles]
}

module keys 'modules/keys.bicep' = if (withKeys) {
  scope: group
  #disable-diagnostics what-if-short-circuiting
  params: {
    names: names
    trainingPrincipalId: identities.outputs.training.principalId
    entries: vaultEntries
  }
  #restore-diagnostics what-if-short-circuiting
  dependsOn: [batch, storage, vaultAndRegistry]
}

module factory 'modules/factory.bicep' = {
  scope: group
  params: {
    location: region
    tags: allTags
    names: names
    identityId: identities.outputs.training.id
    storageUrl: storage.outputs.dataUrl
    storageName: storage.outputs.dataName
    batchUrl: batch.outputs.url
    batchName: batch.outputs.name
    poolName: poolName
    withKeys: withKeys
    vaultUrl: vaultAndRegistry.outputs.vaultUrl
    vaultEntries: vaultEntries
    logsId: monitoring.outputs.logsId
  }
  dependsOn: [keys]
}

module pipeline 'modules/pipeline.bicep' = if (!empty(trainerHash)) {
  scope: group
  params: {
    factoryName: names.factory
    trainerHash: trainerHash
    accountUrl: storage.outputs.dataUrl
    container: workspace.outputs.container
    clientId: identities.outputs.training.clientId
  }
  dependsOn: [factory]
}

module topics 'modules/topics.bicep' = {
  scope: group
  params: {
    location: region
    tags: allTags
    names: names
    storageId: storage.outputs.dataId
    identityId: identities.outputs.events.id
    logsId: monitoring.outputs.logsId
  }
}

module functionApp 'modules/function-app.bicep' = {
  scope: group
  params: {
    location: region
    tags: allTags
    names: names
    pythonVersion: pythonVersion
    maxInstances: maxInstances
    identity: identities.outputs.app
    insightsConnection: monitoring.outputs.insightsConnection
    workspaceName: workspace.outputs.name
    factoryName: factory.outputs.name
    storageUrl: storage.outputs.dataUrl
    container: workspace.outputs.container
    computeIdentityId: identities.outputs.scoring.id
    computeMaxNodes: computeMaxNodes
    topicEndpoint: topics.outputs.lifecycleEndpoint
    computeName: computeName
    computeVmSize: computeVmSize
    runDefaults: runDefaults
    authority: {
      metadataSettings: metadataSettings
      allowedVmSizes: allowedVmSizes
      caps: runCaps
      takeOver: allowTakeOver
    }
    pollingSeconds: pollingSeconds
    signIn: signIn
    signInClientId: signIn == 'Entra' && length(signInClientId) != 36
      ? fail('signIn is Entra, so signInClientId must be the client id of an app registration, which has 36 characters: docs/deploy.md, Sign-in.')
      : signInClientId
    approvers: approvers
  }
  dependsOn: [roles]
}

module rolesOfServices 'modules/roles-services.bicep' = {
  scope: group
  #disable-diagnostics what-if-short-circuiting
  params: {
    names: names
    container: workspace.outputs.container
    appPrincipalId: identities.outputs.app.principalId
    trainingPrincipalId: identities.outputs.training.principalId
    scoringPrincipalId: identities.outputs.scoring.principalId
    workspacePrincipalId: identities.outputs.workspace.principalId
    publisherPrincipalId: toLower(publisherPrincipalId)
    uploaders: map(uploaders, each => checked(each))
    proven: roleSet == 'Proven'
  }
  #restore-diagnostics what-if-short-circuiting
  dependsOn: [batch, containers, factory, roleDefinitions, topics]
}

module operations 'modules/operations.bicep' = {
  scope: group
  params: {
    location: region
    tags: allTags
    logsId: monitoring.outputs.logsId
    uploadsId: topics.outputs.uploadsId
    alertEmail: alertEmail
    waitingHours: waitingHours
  }
}

// In capitals, because azd turns outputs into variables of its environment and of the hooks.

@description('Resource group of all resources.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the Function App, to which the code is published.')
output FUNCTION_APP string = functionApp.outputs.name

@description('URL of the HTTP API; calls need a function key.')
output API_URL string = functionApp.outputs.url

@description('Name of the data factory.')
output DATA_FACTORY string = factory.outputs.name

@description('Name of the Azure ML workspace.')
output WORKSPACE string = workspace.outputs.name

@description('Blob endpoint of the data account.')
output STORAGE_URL string = storage.outputs.dataUrl

@description('Name of the data account.')
output STORAGE_ACCOUNT string = storage.outputs.dataName

@description('Container whose folder datasets receives uploads.')
output CONTAINER string = workspace.outputs.container

@description('Client id of the identity of the Batch nodes, for the pipeline.')
output TRAINING_CLIENT_ID string = identities.outputs.training.clientId

@description('Endpoint of the topic for lifecycle events; subscribe to the topic to receive an event when a run starts or ends.')
output LIFECYCLE_TOPIC string = topics.outputs.lifecycleEndpoint
