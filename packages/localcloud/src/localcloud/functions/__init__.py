"""A thin substitute for the Azure Functions host and its Durable extension.

It serves any folder that holds a Python v2 function app. Microsoft's own worker library
(azure-functions-runtime) indexes and invokes the app, and orchestrations run on Microsoft's own in-memory
engine (durabletask). This package is what connects the two: the part that the host and its extensions play
in Azure. It does not know which app it serves. Start it with `python -m localcloud.functions`.
"""
