// The pipeline, with names in braces for what is known once main.bicep is deployed and the trainer is published:
// outputs of main.bicep, and TRAINER_HASH. scripts/hooks/postdeploy.sh gives the same values in Azure.

using '../../../bicep/modules/pipeline.bicep'

param factoryName = '{DATA_FACTORY}'
param trainerHash = '{TRAINER_HASH}'
param accountUrl = '{STORAGE_URL}'
param container = '{CONTAINER}'
param clientId = '{TRAINING_CLIENT_ID}'
