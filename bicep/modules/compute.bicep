// The scoring cluster, on request. By default the app makes the same one before the first deployment of a model: Azure ML
// refuses to make a cluster where it has no quota (ClusterMinNodesExceedCoreQuota), and nothing else needs it so early.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Resource id of the identity that the cluster uses to read data and write predictions.')
param identityId string

@description('Required. Name of the cluster.')
param computeName string

@description('Required. VM size of the cluster; cannot be changed later.')
param vmSize string

@description('Required. Maximum number of nodes in the cluster.')
param maxNodes int

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-03-01' existing = {
  name: names.workspace
}

resource compute 'Microsoft.MachineLearningServices/workspaces/computes@2026-03-01' = {
  parent: workspace
  name: computeName
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      osType: 'Linux'
      vmSize: vmSize
      vmPriority: 'Dedicated'
      remoteLoginPortPublicAccess: 'Disabled'
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: maxNodes
        nodeIdleTimeBeforeScaleDown: 'PT5M'
      }
    }
  }
}
