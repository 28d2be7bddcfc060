"""A thin substitute for the Azure Functions host and its Durable extension.

It serves any folder with a Python v2 function app: the app is indexed and invoked by Microsoft's own
worker library (azure-functions-runtime), orchestrations run on Microsoft's own in-memory engine
(durabletask), and what lies between, which in Azure is the closed loop of host and extensions, is here.
Nothing in this package knows which app it serves. Start it with `python -m localcloud.functions`.
"""
