// Roles of the app, the trainings and Event Grid on the resources that the services depend on; they must exist before the
// services. Roles for Azure ML are in roles-machine-learning.bicep, those on the services themselves in
// roles-services.bicep. ../roles.json lists the calls that need each role.

import { ofTraining, ofTrainingProven } from '../conditions.bicep'
import { deadLetters, Names, roleDefinitionType, roles } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Principal id of the Function App\'s identity.')
param appPrincipalId string

@description('Required. Principal id of the identity of Data Factory, the Batch account and its nodes.')
param trainingPrincipalId string

@description('Required. Principal id of the identity that Event Grid uses to write dead letters.')
param eventsPrincipalId string

@description('Required. Whether to assign the roles with which a Custom activity and a batch endpoint are reported or documented to work, instead of narrower ones.')
param proven bool

resource data 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.dataStorage
}

resource host 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.hostStorage
}

resource hostBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' existing = {
  parent: host
  name: 'default'
}

resource deadLettersContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = {
  parent: hostBlobs
  name: deadLetters
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: names.insights
}

resource scoring 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: names.scoringIdentity
}

resource blobOwner 'Microsoft.Authorization/roleDefinitions@2022-04-01' existing = {
  name: guid(data.id, 'blob-owner')
}

resource containerMaker 'Microsoft.Authorization/roleDefinitions@2022-04-01' existing = {
  name: guid(data.id, 'container-maker')
}

// The Functions host stores code, keys, locks and large Durable messages here, and requires Owner.
resource hostKeepsCodeKeysAndState 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, appPrincipalId, roles.storageBlobDataOwner)
  scope: host
  properties: {
    description: 'hostKeepsCodeKeysAndState (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataOwner)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Durable Functions distributes work through queues.
resource hostQueuesWork 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, appPrincipalId, roles.storageQueueDataContributor)
  scope: host
  properties: {
    description: 'hostQueuesWork (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageQueueDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Durable Functions stores instance histories in tables.
resource hostKeepsHistory 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, appPrincipalId, roles.storageTableDataContributor)
  scope: host
  properties: {
    description: 'hostKeepsHistory (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageTableDataContributor)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Application Insights accepts telemetry from identities only.
resource appSendsTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, appPrincipalId, roles.monitoringMetricsPublisher)
  scope: insights
  properties: {
    description: 'appSendsTelemetry (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.monitoringMetricsPublisher)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// ensure_compute creates a missing cluster with this identity.
resource appGivesClustersTheirIdentity 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scoring.id, appPrincipalId, roles.managedIdentityOperator)
  scope: scoring
  properties: {
    description: 'appGivesClustersTheirIdentity (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.managedIdentityOperator)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Event Grid writes undelivered events here; its documentation (event-grid/managed-service-identity) asks for this role.
resource eventsKeepDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadLettersContainer.id, eventsPrincipalId, roles.storageBlobDataContributor)
  scope: deadLettersContainer
  properties: {
    description: 'eventsKeepDeadLetters (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataContributor)
    principalId: eventsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Data Factory exchanges code and logs with tasks through adfjobs by user delegation, which is a right on the whole account;
// Batch nodes download the trainer, which reads the dataset and writes the model.
// The one report of a Custom activity without keys, github.com/Azure/Azure-DataFactory/issues/287, has Storage Blob Data
// Owner, which can delete containers too.
resource trainingOwnsDataAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (proven) {
  name: guid(data.id, trainingPrincipalId, blobOwner.name)
  scope: data
  properties: {
    description: 'trainingOwnsDataAccount (docs/roles.md)'
    roleDefinitionId: blobOwner.id
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ofTrainingProven()
  }
}

// Data Factory exchanges code and logs with tasks through adfjobs by user delegation, which is a right on the whole account;
// Batch nodes download the trainer, which reads the dataset and writes the model.
resource trainingUsesDataAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!proven) {
  name: guid(data.id, trainingPrincipalId, containerMaker.name)
  scope: data
  properties: {
    description: 'trainingUsesDataAccount (docs/roles.md)'
    roleDefinitionId: containerMaker.id
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ofTraining()
  }
}
