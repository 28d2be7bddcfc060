// The event subscriptions.

using '../../bicep/events.bicep'

param location = 'westeurope'
