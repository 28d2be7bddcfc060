"""Azure RBAC: whether a principal may do one operation on one scope, and by which assignment.

`built_in` has Azure's own roles and `definitions` reads custom ones; `assignments` reads role assignments and
`conditions` their conditions. `decisions.Access` takes all of these and decides each `calls.Call`. No module
here does I/O beside reading the built-in roles, and none knows a service: a service names its operations and
the attributes that conditions may ask for.
"""
