// Azure Batch: the account, and the pool of training nodes.

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags object

@description('Required. Names, as returned by namesOf in names.bicep.')
param names object

@description('Required. Name of the pool.')
param poolName string

@description('Required. Resource id of the identity of the account and its nodes; its roles must already be assigned.')
param identityId string

@description('Required. Resource id of the storage account for Batch\'s own files.')
param storageId string

@description('Required. Whether the account accepts its shared key, which only the fallback of keys.bicep needs.')
param sharedKey bool

@description('Required. URL of the folder with the start task\'s files, without a trailing slash.')
param startFilesUrl string

@description('Required. VM size of the nodes; cannot be changed later.')
param vmSize string

@description('Required. Marketplace image of the nodes, and the node agent for it.')
param image {
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
        // If no rule covered SSH, Batch would open the port.
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
      // The script is passed as an environment variable, so that no quoting changes it.
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

@description('URL of its data plane, without a trailing slash.')
output url string = 'https://${account.properties.accountEndpoint}'
