"""A small Azure on one machine: storage, identity, Resource Manager with Data Factory, Batch and
Azure ML behind it, Event Grid, and a Functions host.

It stands in for the services; the wire, the SDKs, what Batch runs, MLflow and the scoring are real. What it
serves is handed in: see localcloud.spec and localcloud.stack.
"""
