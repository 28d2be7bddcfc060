"""A small Azure on one machine: storage, identity, Resource Manager with Data Factory, Batch and
Azure ML behind it, Event Grid, and a Functions host.

The services are imitations. The protocols, the SDKs, the commands of Batch tasks, MLflow and scoring are
real. The caller says which resources the cloud serves: see localcloud.spec and localcloud.stack.
"""
