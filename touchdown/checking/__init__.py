"""Whether a deployed Touchdown works: `touchdown check`, on localcloud as in Azure.

deployment.py finds the resources of an environment. app.py, events.py, roles.py and quotas.py look at them;
checks.py calls these in order. first_run.py uploads a dataset and follows its run; rows.py tells which row of
docs/deploy.md a failure is.
"""
