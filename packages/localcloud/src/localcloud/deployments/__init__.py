"""What a template leaves open until it is deployed: the order of its resources, and their expressions.

The Bicep compiler evaluates a template, with all its modules, to one list of resources (`bicep snapshot`).
What only a deployment knows stays an expression, such as `[reference('/subscriptions/…',
'2024-11-30').principalId]`, and nothing says which resource waits for which.

    for resource in turns(Snapshot.read(document), deployment):
        ...  # PUT it: the expressions of the next one may ask for its properties

syntax.py parses expressions, and evaluation.py evaluates them with functions.py and resource_ids.py.
tracing.py, dependencies.py and ordering.py find the order; snapshots.py puts both together.
"""
