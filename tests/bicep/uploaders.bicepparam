// Uploaders, with one of them twice, in two spellings, and with the publisher.

using '../../bicep/main.bicep'

param location = 'westeurope'
param publisherPrincipalId = 'Aaaaaaaa-0000-0000-0000-000000000001'
param uploaderPrincipalIds = [
  'aaaaaaaa-0000-0000-0000-000000000002'
  'aaaaaaaa-0000-0000-0000-000000000003'
  'AAAAAAAA-0000-0000-0000-000000000002'
  'AAAAAAAA-0000-0000-0000-000000000001'
]
