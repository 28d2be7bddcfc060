// Roles on the services themselves, and on the containers that they share. Roles that must exist before the services
// are in roles.bicep. ../roles.json lists the calls that need each role.

import { ofApp, ofPublisher, ofScoring, ofUploader, Uploader } from '../conditions.bicep'
import { Names, roleDefinitionType, roles } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Container for datasets, code and runs.')
param container string

@description('Required. Principal id of the Function App\'s identity.')
param appPrincipalId string

@description('Required. Principal id of the identity of Data Factory, the Batch account and its nodes.')
param trainingPrincipalId string

@description('Required. Principal id of the identity of the scoring cluster.')
param scoringPrincipalId string

@description('Required. Principal id of the workspace\'s identity.')
param workspacePrincipalId string

@description('Required. Object id of the person or program that deploys, in lower case.')
param publisherPrincipalId string

@description('Required. People, groups and programs that upload datasets, their object ids in lower case.')
param uploaders Uploader[]

@description('Required. Whether to assign the roles with which a Custom activity and a batch endpoint are reported or documented to work, instead of narrower ones.')
param proven bool

// Each principal once, with all its prefixes, and without the publisher, who may upload already: Azure refuses a second
// assignment of one role.
var uploaderIds = filter(union(map(uploaders, each => each.principalId), []), id => id != publisherPrincipalId)

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-03-01' existing = {
  name: names.workspace
}

resource factory 'Microsoft.DataFactory/factories@2018-06-01' existing = {
  name: names.factory
}

resource batch 'Microsoft.Batch/batchAccounts@2025-06-01' existing = {
  name: names.batch
}

resource lifecycle 'Microsoft.EventGrid/topics@2025-02-15' existing = {
  name: names.lifecycle
}

resource data 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.dataStorage

  resource blobs 'blobServices' existing = {
    name: 'default'
  }
}

resource runs 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = {
  parent: data::blobs
  name: container
}

resource activityLogs 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = {
  parent: data::blobs
  name: 'adfjobs'
}

resource artifacts 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = {
  parent: data::blobs
  name: 'azureml'
}

resource pipelineRunner 'Microsoft.Authorization/roleDefinitions@2022-04-01' existing = {
  name: guid(factory.id, 'pipeline-runner')
}

resource uploader 'Microsoft.Authorization/roleDefinitions@2022-04-01' existing = {
  name: guid(data.id, 'uploader')
}

resource blobWriter 'Microsoft.Authorization/roleDefinitions@2022-04-01' existing = {
  name: guid(data.id, 'blob-writer')
}

// Azure ML requires Contributor for the workspace's own identity.
resource workspaceManagesItself 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, workspacePrincipalId, roles.contributor)
  scope: workspace
  properties: {
    description: 'workspaceManagesItself (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.contributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app registers models, and creates and invokes endpoints and deployments.
resource appRegistersDeploysAndScores 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, appPrincipalId, roles.azureMLDataScientist)
  scope: workspace
  properties: {
    description: 'appRegistersDeploysAndScores (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.azureMLDataScientist)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// ensure_compute reads clusters, and creates a missing one.
resource appMakesClusters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, appPrincipalId, roles.azureMLComputeOperator)
  scope: workspace
  properties: {
    description: 'appMakesClusters (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.azureMLComputeOperator)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app reads datasets and models, and writes run records; a scoring job reads its input as its caller.
resource appReadsAndWritesRuns 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(runs.id, appPrincipalId, blobWriter.name)
  scope: runs
  properties: {
    description: 'appReadsAndWritesRuns (docs/roles.md)'
    roleDefinitionId: blobWriter.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ofApp()
  }
}

// get_training_status reads the stderr.txt of a failed task.
resource appReadsTrainingLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(activityLogs.id, appPrincipalId, roles.storageBlobDataReader)
  scope: activityLogs
  properties: {
    description: 'appReadsTrainingLogs (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataReader)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// smoke_test reads the error.txt of a failed scoring job.
resource appReadsScoringLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(artifacts.id, appPrincipalId, roles.storageBlobDataReader)
  scope: artifacts
  properties: {
    description: 'appReadsScoringLogs (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataReader)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// A scoring job uses the cluster's identity to mount its input and to write predictions.
resource scoringReadsAndWritesData 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!proven) {
  name: guid(runs.id, scoringPrincipalId, blobWriter.name)
  scope: runs
  properties: {
    description: 'scoringReadsAndWritesData (docs/roles.md)'
    roleDefinitionId: blobWriter.id
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ofScoring()
  }
}

// A scoring job writes its logs to the artifact store.
resource scoringWritesLogs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!proven) {
  name: guid(artifacts.id, scoringPrincipalId, blobWriter.name)
  scope: artifacts
  properties: {
    description: 'scoringWritesLogs (docs/roles.md)'
    roleDefinitionId: blobWriter.id
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The app starts, finds, reads and cancels pipeline runs; it cannot change a pipeline.
resource appRunsPipelines 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(factory.id, appPrincipalId, pipelineRunner.name)
  scope: factory
  properties: {
    description: 'appRunsPipelines (docs/roles.md)'
    roleDefinitionId: pipelineRunner.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Data Factory submits tasks and monitors them. The one report of a Custom activity without keys,
// github.com/Azure/Azure-DataFactory/issues/287, has a broader role than the one for jobs.
resource trainingManagesBatch 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (proven) {
  name: guid(batch.id, trainingPrincipalId, roles.azureBatchAccountContributor)
  scope: batch
  properties: {
    description: 'trainingManagesBatch (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.azureBatchAccountContributor)
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Data Factory submits tasks and monitors them.
resource trainingSubmitsTasks 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!proven) {
  name: guid(batch.id, trainingPrincipalId, roles.azureBatchDataContributor)
  scope: batch
  properties: {
    description: 'trainingSubmitsTasks (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.azureBatchDataContributor)
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// publish_event sends lifecycle events.
resource appTellsOthers 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(lifecycle.id, appPrincipalId, roles.eventGridDataSender)
  scope: lifecycle
  properties: {
    description: 'appTellsOthers (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.eventGridDataSender)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The person who deploys uploads the trainer to code/, and datasets to test the deployment.
resource publisherPublishesTrainer 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(runs.id, publisherPrincipalId, blobWriter.name)
  scope: runs
  properties: {
    description: 'publisherPublishesTrainer (docs/roles.md)'
    roleDefinitionId: blobWriter.id
    principalId: publisherPrincipalId
    conditionVersion: '2.0'
    condition: ofPublisher()
  }
}

// People and programs that upload datasets; they read, list and write those whose names begin with their prefix.
resource uploadersUpload 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in uploaderIds: {
    name: guid(runs.id, principalId, uploader.name)
    scope: runs
    properties: {
      description: 'uploadersUpload (docs/roles.md)'
      roleDefinitionId: uploader.id
      principalId: principalId
      conditionVersion: '2.0'
      condition: ofUploader(map(filter(uploaders, each => each.principalId == principalId), each => each.prefix))
    }
  }
]
