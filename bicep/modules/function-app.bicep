// The Function App, on Flex Consumption: it scales to zero, and authenticates to all services by its identity.

import { appPackage } from '../names.bicep'

@description('Required. Region.')
param location string

@description('Required. Tags for every resource.')
param tags object

@description('Required. Names, as returned by namesOf in names.bicep.')
param names object

@description('Required. Python version of the app.')
param pythonVersion string

@description('Required. Maximum number of instances of the app.')
param maxInstances int

@description('Required. The app\'s identity; its roles on the host account must already be assigned.')
param identity {
  id: string
  clientId: string
  *: string
}

@description('Required. Connection string of Application Insights.')
param insightsConnection string

@description('Required. Name of the Azure ML workspace.')
param workspaceName string

@description('Required. Name of the data factory.')
param factoryName string

@description('Required. Blob endpoint of the data account, without a trailing slash.')
param storageUrl string

@description('Required. Container for datasets, code and runs.')
param container string

@description('Required. Resource id of the identity for a cluster that the app creates.')
param computeIdentityId string

@description('Required. Maximum number of nodes in a cluster that the app creates.')
param computeMaxNodes int

@description('Required. Endpoint to which lifecycle events are sent.')
param topicEndpoint string

@description('Required. Default settings of every run, by name.')
param runDefaults RunDefaults

@export()
@description('Default settings of every run, as strings. The code has a default for each one that is left out (docs/settings.md).')
type RunDefaults = {
  @description('Optional. Column to predict.')
  label: string?

  @description('Optional. Name of the registered model.')
  model_name: string?

  @description('Optional. Name of the batch endpoint.')
  endpoint_name: string?

  @description('Optional. Passes over the training rows.')
  epochs: string?

  @description('Optional. Learning rate.')
  lr: string?

  @description('Optional. Hold-out accuracy below which the model is not deployed.')
  min_accuracy: string?

  @description('Optional. Time limit of the training, such as 12h.')
  training_timeout: string?

  @description('Optional. Number of deployments that an endpoint keeps.')
  keep_deployments: string?

  @description('Optional. Name of the scoring cluster.')
  compute_name: string?

  @description('Optional. VM size of the scoring cluster, if the app has to create it.')
  vm_size: string?

  @description('Optional. Kind of model: classification or regression.')
  task: string?

  @description('Optional. Algorithm: linear, boosting or auto.')
  algorithm: string?

  @description('Optional. How to handle classes that are too small to be held out: refuse or merge.')
  rare_classes: string?

  @description('Optional. Hold-out RMSE above which the model is not deployed.')
  max_rmse: string?

  @description('Optional. How much worse than the champion a model may be.')
  tolerance: string?

  @description('Optional. Whether a run waits for approval before it promotes its deployment: none or required.')
  approval: string?

  @description('Optional. Time limit of the wait for approval, such as 3d.')
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

// An empty setting counts as not set: the code's own default applies.
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

  // Publishing needs a Microsoft Entra token; publishing by user name and password is off.
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

@description('URL of its HTTP API.')
output url string = 'https://${functionApp.properties.defaultHostName}/api'
