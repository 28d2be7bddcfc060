// Roles of the workspace and of its scoring cluster on the resources that they depend on; those of the workspace must
// exist before it. The articles of Azure ML's documentation that a comment names are below
// learn.microsoft.com/azure/machine-learning. ../roles.json lists the calls that need each role.

import { ofMachineLearning } from '../conditions.bicep'
import { Names, roleDefinitionType, roles } from '../names.bicep'

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Principal id of the identity of the scoring cluster.')
param scoringPrincipalId string

@description('Required. Principal id of the workspace\'s identity.')
param workspacePrincipalId string

@description('Required. Whether to assign the roles with which a Custom activity and a batch endpoint are reported or documented to work, instead of narrower ones.')
param proven bool

@description('Required. Whether the scoring cluster builds the images of deployments, in place of the registry or another cluster.')
param buildsImages bool

resource data 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.dataStorage
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

resource containerMaker 'Microsoft.Authorization/roleDefinitions@2022-04-01' existing = {
  name: guid(data.id, 'container-maker')
}

// The nodes of the cluster pull the image that Azure ML built for a deployment.
resource scoringPullsImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!buildsImages) {
  name: guid(registry.id, scoringPrincipalId, roles.acrPull)
  scope: registry
  properties: {
    description: 'scoringPullsImages (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.acrPull)
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// The cluster builds the images of deployments, stores them, and pulls them.
resource scoringPushesImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (buildsImages) {
  name: guid(registry.id, scoringPrincipalId, roles.acrPush)
  scope: registry
  properties: {
    description: 'scoringPushesImages (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.acrPush)
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// A scoring job mounts its input, writes predictions and logs, and Azure ML makes containers of its own; its
// documentation asks for a role on the account (how-to-authenticate-batch-endpoint), which is Storage Blob Data
// Contributor (how-to-disable-local-auth-storage), and that can delete containers too.
resource scoringUsesBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (proven) {
  name: guid(data.id, scoringPrincipalId, containerMaker.name)
  scope: data
  properties: {
    description: 'scoringUsesBlobs (docs/roles.md)'
    roleDefinitionId: containerMaker.id
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ofMachineLearning()
  }
}

// A batch deployment is a Parallel Run Step, which keeps the state of its mini-batches in a table of the workspace's
// account (how-to-disable-local-auth-storage, "Scenarios for role assignments").
resource scoringKeepsTasksInTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, scoringPrincipalId, roles.storageTableDataContributor)
  scope: data
  properties: {
    description: 'scoringKeepsTasksInTables (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageTableDataContributor)
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// A Parallel Run Step hands out its mini-batches through queues of the workspace's account (the same table of the
// documentation).
resource scoringHandsOutTasksInQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, scoringPrincipalId, roles.storageQueueDataContributor)
  scope: data
  properties: {
    description: 'scoringHandsOutTasksInQueues (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageQueueDataContributor)
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Batch deployments need all four of blob, file, queue and table (how-to-secure-batch-endpoint).
resource scoringReadsAndWritesFiles 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, scoringPrincipalId, roles.storageFileDataPrivilegedContributor)
  scope: data
  properties: {
    description: 'scoringReadsAndWritesFiles (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageFileDataPrivilegedContributor)
    principalId: scoringPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML requires Contributor on each resource that a workspace with a user-assigned identity uses.
resource workspaceManagesStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.contributor)
  scope: data
  properties: {
    description: 'workspaceManagesStorage (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.contributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML writes logs, snapshots and generated code; its documentation (how-to-identity-based-service-authentication)
// asks for this role.
resource workspaceReadsAndWritesBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.storageBlobDataContributor)
  scope: data
  properties: {
    description: 'workspaceReadsAndWritesBlobs (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageBlobDataContributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ofMachineLearning()
  }
}

// Azure ML reaches its file share without a key.
resource workspaceReadsAndWritesFiles 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.storageFileDataPrivilegedContributor)
  scope: data
  properties: {
    description: 'workspaceReadsAndWritesFiles (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageFileDataPrivilegedContributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// One user saw a Parallel Run Step use the workspace's identity for its table, instead of the cluster's.
resource workspaceKeepsTasksInTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.storageTableDataContributor)
  scope: data
  properties: {
    description: 'workspaceKeepsTasksInTables (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageTableDataContributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// One user saw a Parallel Run Step use the workspace's identity for its queues, instead of the cluster's.
resource workspaceHandsOutTasksInQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(data.id, workspacePrincipalId, roles.storageQueueDataContributor)
  scope: data
  properties: {
    description: 'workspaceHandsOutTasksInQueues (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.storageQueueDataContributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Azure ML requires Contributor on each resource that a workspace with a user-assigned identity uses.
resource workspaceManagesVault 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, workspacePrincipalId, roles.contributor)
  scope: vault
  properties: {
    description: 'workspaceManagesVault (docs/roles.md)'
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
    description: 'workspaceKeepsSecrets (docs/roles.md)'
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
    description: 'workspaceManagesRegistry (docs/roles.md)'
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
    description: 'workspaceManagesInsights (docs/roles.md)'
    roleDefinitionId: subscriptionResourceId(roleDefinitionType, roles.contributor)
    principalId: workspacePrincipalId
    principalType: 'ServicePrincipal'
  }
}
