// Roles on the resources that the services depend on; they must exist before the services. Roles on the services
// themselves are in roles-services.bicep. ../roles.json lists the calls that need each role.

import { deadLetters, Names, roleDefinitionType, roles } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Principal id of the Function App\'s identity.')
param appPrincipalId string

@description('Required. Principal id of the identity of Data Factory, the Batch account and its nodes.')
param trainingPrincipalId string

@description('Required. Principal id of the identity of the scoring cluster.')
param scoringPrincipalId string

@description('Required. Principal id of the workspace\'s identity.')
param workspacePrincipalId string

@description('Required. Principal id of the identity that Event Grid uses to write dead letters.')
param eventsPrincipalId string

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

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: names.vault
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: names.registry
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: names.insights
}

resource scoring 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: names.scoringIdentity
}

// The Functions host stores code, keys, locks and large Durable messages here, and requires Owner.
resource hostKeepsCodeKeysAndState 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(host.id, appPrincipalId, roles.storageBlobDataOwner)
  scope: host
  properties: {
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
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.managedIdentityOperator)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Event Grid writes undelivered events here.
resource eventsKeepDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadLettersContainer.id, eventsPrincipalId, roles.storageBlobDataContributor)
  scope: deadLettersContainer
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataContributor)
    principalId: eventsPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Data Factory exchanges code and logs with tasks through adfjobs by user delegation, which is a right on the whole account;
// Batch nodes download the trainer, which reads the dataset and writes the model.
resource trainingUsesDataAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, trainingPrincipalId, roles.storageBlobDataContributor)
  scope: data
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataContributor)
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The nodes of the cluster pull the image that Azure ML built for a deployment.
resource scoringPullsImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, scoringPrincipalId, roles.acrPull)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.acrPull)
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML requires Contributor on each resource that a workspace with a user-assigned identity uses.
resource workspaceManagesStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.contributor)
  scope: data
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.contributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML writes logs, snapshots and generated code.
resource workspaceReadsAndWritesBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.storageBlobDataContributor)
  scope: data
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataContributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML reaches its file share without a key.
resource workspaceReadsAndWritesFiles 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.storageFileDataPrivilegedContributor)
  scope: data
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageFileDataPrivilegedContributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML requires Contributor on each resource that a workspace with a user-assigned identity uses.
resource workspaceManagesVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, workspacePrincipalId, roles.contributor)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.contributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML stores the secrets of its connections here.
resource workspaceKeepsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, workspacePrincipalId, roles.keyVaultAdministrator)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.keyVaultAdministrator)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML builds and stores the images of deployments.
resource workspaceManagesRegistry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, workspacePrincipalId, roles.contributor)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.contributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML requires Contributor on each resource that a workspace with a user-assigned identity uses.
resource workspaceManagesInsights 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, workspacePrincipalId, roles.contributor)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.contributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}
