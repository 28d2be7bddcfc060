"""What all providers of resource types share: the checks of a body, and the routes of a type.

    KIND = Kind("Microsoft.Insights/actionGroups", ("2018-03-01", "2023-01-01"), Name("[^:]{1,260}", "…"), …)
    routes = resources.routes(cloud, KIND)

kinds.py describes a type as one row; checks.py decides about a body by it; resources.py has the routes.
"""
