// The settings of the Function App, so that a misspelt one is an error.

@export()
@sealed()
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

  @description('Optional. Algorithm: auto, linear or boosting.')
  algorithm: string?

  @description('Optional. How much work the algorithm auto may take, about seconds of one core.')
  training_budget: string?

  @description('Optional. How to handle classes that are too small to be held out: refuse or merge.')
  rare_classes: string?

  @description('Optional. How much the rows of each class count in training: equal or balanced.')
  class_weights: string?

  @description('Optional. Hold-out RMSE above which the model is not deployed.')
  max_rmse: string?

  @description('Optional. How much worse than the champion a model may be.')
  tolerance: string?

  @description('Optional. Whether a run waits for approval before it promotes its deployment: none or required.')
  approval: string?

  @description('Optional. Time limit of the wait for approval, such as 3d.')
  approval_timeout: string?

  @description('Optional. What happens if a model was not compared with the champion: approval or replace.')
  uncompared_champion: string?
}

@export()
@sealed()
@description('The most that anyone may ask of a run.')
type RunCaps = {
  @description('Required. Largest number of epochs.')
  @minValue(1)
  @maxValue(10000)
  epochs: int

  @description('Required. Longest time limit of a training, such as 12h; at most 7d.')
  @minLength(1)
  @maxLength(20)
  trainingTimeout: string

  @description('Required. Largest number of rows of a dataset.')
  @minValue(1)
  @maxValue(1000000000000)
  rows: int

  @description('Required. Largest text of a compressed dataset, in MiB.')
  @minValue(1)
  @maxValue(1000000000)
  textMib: int

  @description('Required. How many times as long as a compressed dataset its text may be, beyond its first 64 MiB.')
  @minValue(1)
  @maxValue(1100)
  compressionRatio: int
}

@export()
@sealed()
@description('What callers may ask of a run beyond what is theirs, and the most that they may ask for (docs/settings.md).')
type Authority = {
  @description('Required. Run settings that the metadata of a dataset may set to any value.')
  metadataSettings: string[]

  @description('Required. VM sizes that a run may name beside that of the app.')
  allowedVmSizes: string[]

  @description('Required. The most that anyone may ask of a run.')
  caps: RunCaps

  @description('Required. Whether a caller over HTTP may let a run take over an endpoint or a model name of another owner.')
  takeOver: bool
}

@export()
@sealed()
@description('Seconds between two polls: the first interval, and the longest one up to which it grows. Strings, because Bicep has no fractions.')
type PollingSeconds = {
  @description('Required. First interval of a pipeline run, which is polled in case its event is lost.')
  @minLength(1)
  @maxLength(8)
  runFirst: string

  @description('Required. Longest interval of a pipeline run.')
  @minLength(1)
  @maxLength(8)
  runCap: string

  @description('Required. First interval of an Azure ML operation or job.')
  @minLength(1)
  @maxLength(8)
  operationFirst: string

  @description('Required. Longest interval of an Azure ML operation or job.')
  @minLength(1)
  @maxLength(8)
  operationCap: string
}

@export()
@sealed()
@description('Settings that only the deployment knows, which the code reads (runs/settings.py).')
type CodeSettings = {
  TOUCHDOWN_SUBSCRIPTION_ID: string
  TOUCHDOWN_RESOURCE_GROUP: string
  TOUCHDOWN_WORKSPACE: string
  TOUCHDOWN_DATA_FACTORY: string
  TOUCHDOWN_PIPELINE: string
  TOUCHDOWN_STORAGE_URL: string
  TOUCHDOWN_CONTAINER: string
  TOUCHDOWN_DATASTORE: string
  TOUCHDOWN_RESOURCE_MANAGER_URL: string
  TOUCHDOWN_COMPUTE_IDENTITY: string
  TOUCHDOWN_COMPUTE_MAX_NODES: string
  TOUCHDOWN_TOPIC_ENDPOINT: string
  TOUCHDOWN_RUN_POLLING_FIRST_SECONDS: string
  TOUCHDOWN_RUN_POLLING_CAP_SECONDS: string
  TOUCHDOWN_OPERATION_POLLING_FIRST_SECONDS: string
  TOUCHDOWN_OPERATION_POLLING_CAP_SECONDS: string
  TOUCHDOWN_METADATA_SETTINGS: string
  TOUCHDOWN_ALLOWED_VM_SIZES: string
  TOUCHDOWN_MAX_EPOCHS: string
  TOUCHDOWN_MAX_TRAINING_TIMEOUT: string
  TOUCHDOWN_MAX_ROWS: string
  TOUCHDOWN_MAX_TEXT_MIB: string
  TOUCHDOWN_MAX_COMPRESSION_RATIO: string
  TOUCHDOWN_TAKE_OVER: string
  TOUCHDOWN_SIGN_IN: string
  TOUCHDOWN_APPROVERS: string
}

@export()
@sealed()
@description('Default settings of every run, as the code reads them (runs/settings.py).')
type RunSettings = {
  TOUCHDOWN_LABEL: string
  TOUCHDOWN_MODEL_NAME: string
  TOUCHDOWN_ENDPOINT_NAME: string
  TOUCHDOWN_EPOCHS: string
  TOUCHDOWN_LR: string
  TOUCHDOWN_MIN_ACCURACY: string
  TOUCHDOWN_TRAINING_TIMEOUT: string
  TOUCHDOWN_KEEP_DEPLOYMENTS: string
  TOUCHDOWN_COMPUTE_NAME: string
  TOUCHDOWN_VM_SIZE: string
  TOUCHDOWN_TASK: string
  TOUCHDOWN_ALGORITHM: string
  TOUCHDOWN_TRAINING_BUDGET: string
  TOUCHDOWN_RARE_CLASSES: string
  TOUCHDOWN_CLASS_WEIGHTS: string
  TOUCHDOWN_MAX_RMSE: string
  TOUCHDOWN_TOLERANCE: string
  TOUCHDOWN_APPROVAL: string
  TOUCHDOWN_APPROVAL_TIMEOUT: string
  TOUCHDOWN_UNCOMPARED_CHAMPION: string
}

@export()
@sealed()
@description('Settings that the Functions host, its extensions, the worker and the SDKs read (docs/deploy.md).')
type PlatformSettings = {
  AzureWebJobsStorage__blobServiceUri: string
  AzureWebJobsStorage__queueServiceUri: string
  AzureWebJobsStorage__tableServiceUri: string
  AzureWebJobsStorage__credential: string
  AzureWebJobsStorage__clientId: string
  APPLICATIONINSIGHTS_CONNECTION_STRING: string
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: string
  AZURE_CLIENT_ID: string
  ARM_CLOUD_METADATA_URL: string
  AZURE_FUNCTIONS_DURABLE_STRICT_TYPING: string
  PYTHON_THREADPOOL_THREAD_COUNT: string
}
