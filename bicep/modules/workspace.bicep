// The Azure ML workspace. The scoring cluster is in compute.bicep.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Resource id of the workspace\'s identity; its roles must already be assigned.')
param identityId string

@description('Required. Resource id of the storage account behind the default datastore.')
param storageId string

@description('Required. Resource id of the vault.')
param vaultId string

@description('Required. Resource id of the registry.')
param registryId string

@description('Required. Resource id of Application Insights.')
param insightsId string

@description('Required. Name of the cluster that builds the images of deployments. If empty, the registry builds them.')
param imageBuildCompute string

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
    // A name; the cluster may come later, since only an image build looks for it.
    imageBuildCompute: empty(imageBuildCompute) ? null : imageBuildCompute
    // The account accepts no key: the datastores use the identity of the caller.
    systemDatastoresAuthMode: 'Identity'
    publicNetworkAccess: 'Enabled'
    v1LegacyMode: false
  }
}

@description('Name of the workspace.')
output name string = workspace.name

@description('Container behind the datastore workspaceblobstore.')
output container string = 'azureml-blobstore-${workspace.properties.workspaceId}'
