// Azure Batch: the account, and the pool of nodes that train.

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Names, as namesOf of names.bicep gives them.')
param names object

@description('Required. Name of the pool.')
param poolName string

@description('Required. Resource id of the identity of account and nodes; its roles must have been assigned.')
param identityId string

@description('Required. Resource id of the storage account that Batch keeps its own files in.')
param storageId string

@description('Required. Whether the account takes its shared key: only for the fallback of keys.bicep.')
param sharedKey bool

@description('Required. Address of the folder with the start task\'s files, without a slash at the end.')
param startFilesUrl string

@description('Required. VM size of the nodes; cannot be changed later.')
param vmSize string

@description('Required. Image of the nodes in the marketplace, and the node agent that fits it.')
param image {
  publisher: string
  offer: string
  sku: string
  nodeAgent: string
}

@description('Required. Tasks that a node runs at once; cannot be changed later.')
param taskSlots int

@description('Required. Nodes that the pool may grow to, from 0.')
param maxNodes int

@description('Required. Whether the nodes are spot nodes.')
param spot bool

@description('Required. Resource id of the Log Analytics workspace.')
param logsId string

var formula = loadTextContent('../definitions/autoscale.txt')
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

resource pool 'Microsoft.Batch/batchAccounts/pools@2025-06-01' = {
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
    networkConfiguration: {
      publicIPAddressConfiguration: { provision: 'BatchManaged' }
      endpointConfiguration: {
        // Without an entry of its own for SSH, Batch would open one.
        inboundNatPools: [
          {
            name: 'ssh'
            protocol: 'TCP'
            backendPort: 22
            frontendPortRangeStart: 15000
            frontendPortRangeEnd: 15199
            networkSecurityGroupRules: [
              { priority: 162, access: 'Deny', sourceAddressPrefix: '*', sourcePortRanges: ['*'] }
            ]
          }
        ]
      }
    }
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
      // The script is in the environment, where no quoting can change it.
      commandLine: '/bin/bash -c \'exec /bin/bash -c "$START_TASK"\''
      environmentSettings: [
        { name: 'START_TASK', value: loadTextContent('../definitions/start-task.sh') }
      ]
      resourceFiles: [
        {
          httpUrl: '${startFilesUrl}/requirements.txt'
          filePath: 'requirements.txt'
          identityReference: { resourceId: identityId }
        }
        {
          httpUrl: '${startFilesUrl}/uv.txt'
          filePath: 'uv.txt'
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

@description('Address of its data plane.')
output url string = 'https://${account.properties.accountEndpoint}'
