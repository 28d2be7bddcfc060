// The Azure ML workspace, and the scoring cluster.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Resource id of the workspace\'s identity; its roles must already be assigned.')
param identityId string

@description('Required. Resource id of the identity that the cluster uses to read data and write predictions.')
param scoringIdentityId string

@description('Required. Resource id of the storage account behind the default datastore.')
param storageId string

@description('Required. Resource id of the vault.')
param vaultId string

@description('Required. Resource id of the registry.')
param registryId string

@description('Required. Resource id of Application Insights.')
param insightsId string

@description('Required. Name of the cluster.')
param computeName string

@description('Required. VM size of the cluster; cannot be changed later.')
param computeVmSize string

@description('Required. Maximum number of nodes in the cluster.')
param computeMaxNodes int

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-03-01' = {
  name: names.workspace
  location: location
  tags: tags
  kind: 'Default'
  sku: { name: 'Basic', tier: 'Basic' }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    friendlyName: 'Touchdown'
    primaryUserAssignedIdentity: identityId
    storageAccount: storageId
    keyVault: vaultId
    containerRegistry: registryId
    applicationInsights: insightsId
    // The account accepts no key: the datastores use the identity of the caller.
    systemDatastoresAuthMode: 'Identity'
    publicNetworkAccess: 'Enabled'
    v1LegacyMode: false
  }
}

resource compute 'Microsoft.MachineLearningServices/workspaces/computes@2026-03-01' = {
  parent: workspace
  name: computeName
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${scoringIdentityId}': {} }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      osType: 'Linux'
      vmSize: computeVmSize
      vmPriority: 'Dedicated'
      remoteLoginPortPublicAccess: 'Disabled'
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: computeMaxNodes
        nodeIdleTimeBeforeScaleDown: 'PT5M'
      }
    }
  }
}

@description('Name of the workspace.')
output name string = workspace.name

@description('Container behind the datastore workspaceblobstore.')
output container string = 'azureml-blobstore-${workspace.properties.workspaceId}'
