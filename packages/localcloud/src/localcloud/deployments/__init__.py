"""Deployments: Resource Manager's API for them, and what a template leaves open until it is deployed.

The Bicep compiler evaluates a template, with all its modules, to one list of resources (`bicep snapshot`).
What only a deployment knows stays an expression, such as `[reference('/subscriptions/…',
'2024-11-30').principalId]`, and nothing says which resource waits for which.

    for resource in turns(Snapshot.read(document), deployment):
        ...  # PUT it: the expressions of the next one may ask for its properties

syntax.py parses expressions, and evaluation.py evaluates them with functions.py and resource_ids.py.
tracing.py, dependencies.py and ordering.py find the order; snapshots.py puts both together.

requests.py reads what is asked for (relaxed_json.py, templates.py), and compiler.py has it evaluated
(parameter_files.py, literals.py). running.py writes the resources through resource_manager.py, while
answers.py asks for what expressions need; records.py keeps what became of it. service.py begins and ends
deployments for routes.py, which is Azure's API, and control.py, which is localcloud's own.
"""
