// Azure Batch: the account, and the pool of training nodes.

import { Names, Tags } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags Tags

@description('Required. Names, as returned by namesOf in names.bicep.')
param names Names

@description('Required. Name of the pool.')
param poolName string

@description('Required. Resource id of the identity of the account and its nodes; its roles must already be assigned.')
param identityId string

@description('Required. Resource id of the storage account for Batch\'s own files.')
param storageId string

@description('Required. Whether the account accepts its shared key, which only the fallback of keys.bicep needs.')
param sharedKey bool

@description('Required. URL of the folder with the start task\'s files, each in a folder named after its SHA-256; without a trailing slash.')
param startFilesUrl string

@description('Required. Whether to create or update the pool. If false, a pool that exists stays as it is.')
param deployPool bool

@description('Required. VM size of the nodes; cannot be changed later.')
param vmSize string

@description('Required. Marketplace image of the nodes, and the node agent for it.')
param image NodeImage

@export()
@sealed()
@description('Marketplace image of a node, and the node agent for it.')
type NodeImage = {
  publisher: string
  offer: string
  sku: string
  nodeAgent: string
}

@description('Required. Tasks that a node runs at once; cannot be changed later.')
param taskSlots int

@description('Required. Maximum number of nodes in the pool, which scales from 0.')
param maxNodes int

@description('Required. Whether the nodes are spot nodes.')
param spot bool

@description('Required. Resource id of the Log Analytics workspace.')
param logsId string

// The node uses no other content of these files, whoever could write to the container: start-task.sh checks it.
var startFiles = loadJsonContent('../definitions/start-files.json')
// A clone on Windows may have changed the ends of lines, and bash takes a carriage return for a part of a word.
var startTask = replace(loadTextContent('../definitions/start-task.sh'), '\r', '')
var formula = replace(loadTextContent('../definitions/autoscale.txt'), '\r', '')
var target = spot ? '$TargetLowPriorityNodes' : '$TargetDedicatedNodes'
var other = spot ? '$TargetDedicatedNodes' : '$TargetLowPriorityNodes'

resource account 'Microsoft.Batch/batchAccounts@2025-06-01' = {
  name: names.batch
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    poolAllocationMode: 'BatchService'
    publicNetworkAccess: 'Enabled'
    allowedAuthenticationModes: sharedKey ? ['AAD', 'SharedKey'] : ['AAD']
    autoStorage: {
      storageAccountId: storageId
      authenticationMode: 'BatchAccountManagedIdentity'
      nodeIdentityReference: { resourceId: identityId }
    }
  }
}

resource pool 'Microsoft.Batch/batchAccounts/pools@2025-06-01' = if (deployPool) {
  parent: account
  name: poolName
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    displayName: 'Trains models'
    vmSize: vmSize
    taskSlotsPerNode: taskSlots
    taskSchedulingPolicy: { nodeFillType: 'Pack' }
    interNodeCommunication: 'Disabled'
    deploymentConfiguration: {
      virtualMachineConfiguration: {
        imageReference: {
          publisher: image.publisher
          offer: image.offer
          sku: image.sku
          version: 'latest'
        }
        nodeAgentSkuId: image.nodeAgent
      }
    }
    // There is no networkConfiguration. Batch opens no port, not even for SSH, in a pool created since API version
    // 2024-07-01 (learn.microsoft.com/azure/batch/pool-endpoint-configuration), and refuses a second deployment of some
    // pools that have one with PropertyCannotBeUpdated (github.com/Azure/Batch/issues/144 and 153).
    scaleSettings: {
      autoScale: {
        evaluationInterval: 'PT5M'
        formula: replace(
          replace(replace(replace(formula, '{target}', target), '{other}', other), '{maxNodes}', string(maxNodes)),
          '{taskSlots}',
          string(taskSlots)
        )
      }
    }
    startTask: {
      // Nothing public says how Batch's Linux agent passes an environment variable of several lines, so the script is one
      // line of base64. A shell, and an agent that starts the command without one, take the same three words from the
      // command: it has single quotes at its ends only, as the commands of Batch's own samples have.
      commandLine: '/bin/bash -c \'set -eu; script=$(printf %s "$START_TASK" | base64 --decode); test -n "$script"; exec /bin/bash -c "$script"\''
      environmentSettings: [
        { name: 'START_TASK', value: base64(startTask) }
        { name: 'REQUIREMENTS_SHA256', value: startFiles['requirements.txt'] }
        { name: 'UV_SHA256', value: startFiles['uv.txt'] }
        { name: 'PYTHON_SHA256', value: startFiles['python.json'] }
      ]
      resourceFiles: [
        {
          httpUrl: '${startFilesUrl}/${startFiles['requirements.txt']}/requirements.txt'
          filePath: 'requirements.txt'
          identityReference: { resourceId: identityId }
        }
        {
          httpUrl: '${startFilesUrl}/${startFiles['uv.txt']}/uv.txt'
          filePath: 'uv.txt'
          identityReference: { resourceId: identityId }
        }
        {
          httpUrl: '${startFilesUrl}/${startFiles['python.json']}/python.json'
          filePath: 'python.json'
          identityReference: { resourceId: identityId }
        }
      ]
      userIdentity: { autoUser: { elevationLevel: 'Admin', scope: 'Pool' } }
      maxTaskRetryCount: 2
      waitForSuccess: true
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: account
  properties: {
    workspaceId: logsId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

@description('Name of the Batch account.')
output name string = account.name

@description('URL of its data plane, without a trailing slash.')
output url string = 'https://${account.properties.accountEndpoint}'
