// The Function App, on Flex Consumption: it scales to zero, and reaches everything by its identity.

import { appPackage } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags of every resource.')
param tags object

@description('Required. Names, as namesOf of names.bicep gives them.')
param names object

@description('Required. Python of the app.')
param pythonVersion string

@description('Required. Instances that the app may grow to.')
param maxInstances int

@description('Required. The app\'s identity; its roles on the host\'s storage must have been assigned.')
param identity {
  id: string
  clientId: string
  *: string
}

@description('Required. Address of Application Insights.')
param insightsConnection string

@description('Required. Name of the Azure ML workspace.')
param workspaceName string

@description('Required. Name of the factory.')
param factoryName string

@description('Required. Blob endpoint of the data account, without a slash at the end.')
param storageUrl string

@description('Required. Container of datasets, code and runs.')
param container string

@description('Required. Resource id of the identity that a cluster gets which the app has to make.')
param computeIdentityId string

@description('Required. Nodes that such a cluster may grow to.')
param computeMaxNodes int

@description('Required. Address to which lifecycle events are sent.')
param topicEndpoint string

@description('Required. Defaults of every run, by setting.')
param runDefaults RunDefaults

@export()
@description('Defaults of every run, as texts; what is left out is left to the code (docs/settings.md).')
type RunDefaults = {
  @description('Optional. Column to predict.')
  label: string?

  @description('Optional. Registered model.')
  model_name: string?

  @description('Optional. Batch endpoint.')
  endpoint_name: string?

  @description('Optional. Passes over the training rows.')
  epochs: string?

  @description('Optional. Learning rate.')
  lr: string?

  @description('Optional. Hold-out accuracy below which nothing is deployed.')
  min_accuracy: string?

  @description('Optional. How long training may take, such as 12h.')
  training_timeout: string?

  @description('Optional. Deployments that an endpoint keeps.')
  keep_deployments: string?

  @description('Optional. Cluster that scores.')
  compute_name: string?

  @description('Optional. VM size of that cluster, when it has to be made.')
  vm_size: string?

  @description('Optional. What is learnt: classification or regression.')
  task: string?

  @description('Optional. linear, boosting or auto.')
  algorithm: string?

  @description('Optional. What becomes of classes too small to be held out: refuse or merge.')
  rare_classes: string?

  @description('Optional. Hold-out RMSE above which nothing is deployed.')
  max_rmse: string?

  @description('Optional. How much worse than the champion a model may be.')
  tolerance: string?

  @description('Optional. Whether a run waits for a decision before it promotes: none or required.')
  approval: string?

  @description('Optional. How long it waits for that, such as 3d.')
  approval_timeout: string?
}

var appSettings = {
  TOUCHDOWN_SUBSCRIPTION_ID: subscription().subscriptionId
  TOUCHDOWN_RESOURCE_GROUP: resourceGroup().name
  TOUCHDOWN_WORKSPACE: workspaceName
  TOUCHDOWN_DATA_FACTORY: factoryName
  TOUCHDOWN_PIPELINE: loadJsonContent('../definitions/pipeline.json', '$.name')
  TOUCHDOWN_STORAGE_URL: storageUrl
  TOUCHDOWN_CONTAINER: container
  TOUCHDOWN_DATASTORE: 'workspaceblobstore'
  TOUCHDOWN_RESOURCE_MANAGER_URL: environment().resourceManager
  TOUCHDOWN_COMPUTE_IDENTITY: computeIdentityId
  TOUCHDOWN_COMPUTE_MAX_NODES: string(computeMaxNodes)
  TOUCHDOWN_TOPIC_ENDPOINT: topicEndpoint
  TOUCHDOWN_RUN_POLLING_FIRST_SECONDS: '30'
  TOUCHDOWN_RUN_POLLING_CAP_SECONDS: '300'
  TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS: '2'
  TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS: '30'
}

// An empty one is as good as none: the code's own default holds.
var runSettings = {
  TOUCHDOWN_LABEL: runDefaults.?label ?? ''
  TOUCHDOWN_MODEL_NAME: runDefaults.?model_name ?? ''
  TOUCHDOWN_ENDPOINT_NAME: runDefaults.?endpoint_name ?? ''
  TOUCHDOWN_EPOCHS: runDefaults.?epochs ?? ''
  TOUCHDOWN_LR: runDefaults.?lr ?? ''
  TOUCHDOWN_MIN_ACCURACY: runDefaults.?min_accuracy ?? ''
  TOUCHDOWN_TRAINING_TIMEOUT: runDefaults.?training_timeout ?? ''
  TOUCHDOWN_KEEP_DEPLOYMENTS: runDefaults.?keep_deployments ?? ''
  TOUCHDOWN_COMPUTE_NAME: runDefaults.?compute_name ?? ''
  TOUCHDOWN_VM_SIZE: runDefaults.?vm_size ?? ''
  TOUCHDOWN_TASK: runDefaults.?task ?? ''
  TOUCHDOWN_ALGORITHM: runDefaults.?algorithm ?? ''
  TOUCHDOWN_RARE_CLASSES: runDefaults.?rare_classes ?? ''
  TOUCHDOWN_MAX_RMSE: runDefaults.?max_rmse ?? ''
  TOUCHDOWN_TOLERANCE: runDefaults.?tolerance ?? ''
  TOUCHDOWN_APPROVAL: runDefaults.?approval ?? ''
  TOUCHDOWN_APPROVAL_TIMEOUT: runDefaults.?approval_timeout ?? ''
}

var platformSettings = {
  AzureWebJobsStorage__blobServiceUri: host.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: host.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: host.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.clientId};Authorization=AAD'
  AZURE_CLIENT_ID: identity.clientId
  ARM_CLOUD_METADATA_URL: '${environment().resourceManager}metadata/endpoints?api-version=2019-05-01'
  AZURE_FUNCTIONS_DURABLE_STRICT_TYPING: '1'
  PYTHON_THREADPOOL_THREAD_COUNT: '32'
}

resource host 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: names.hostStorage
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: names.plan
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource functionApp 'Microsoft.Web/sites@2024-11-01' = {
  name: names.functionApp
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${host.properties.primaryEndpoints.blob}${appPackage}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: { name: 'python', version: pythonVersion }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maxInstances
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      appSettings: map(items(union(appSettings, runSettings, platformSettings)), setting => {
        name: setting.key
        value: setting.value
      })
    }
  }

  // Publishing needs a token of Entra ID; there is no user name and password.
  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }
}

@description('Name of the Function App.')
output name string = functionApp.name

@description('Address of its HTTP API.')
output url string = 'https://${functionApp.properties.defaultHostName}/api'
