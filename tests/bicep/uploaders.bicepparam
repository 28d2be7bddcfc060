// Uploaders with prefixes of their own, one of them twice, in two spellings, and with the publisher.

using '../../bicep/main.bicep'

param location = 'westeurope'
param publisherPrincipalId = 'Aaaaaaaa-0000-0000-0000-000000000001'
param uploaders = [
  { principalId: 'aaaaaaaa-0000-0000-0000-000000000002', prefix: 'sales-' }
  { principalId: 'aaaaaaaa-0000-0000-0000-000000000003', prefix: 'iris*?_' }
  { principalId: 'AAAAAAAA-0000-0000-0000-000000000002', prefix: 'sales_' }
  { principalId: 'AAAAAAAA-0000-0000-0000-000000000001', prefix: '' }
]
