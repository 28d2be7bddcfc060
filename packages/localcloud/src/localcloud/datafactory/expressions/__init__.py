"""The implemented part of the expression language of pipelines.

`syntax` parses text into nodes; `functions` is the table of functions; `templates` finds the expressions in a
JSON value, checks them when a pipeline is published and evaluates them when it runs.
Source: "Expressions and functions in Azure Data Factory"; "System variables supported by Azure Data Factory".
"""

from localcloud.datafactory.expressions.syntax import ExpressionError
from localcloud.datafactory.expressions.templates import Known, Values, check, evaluate

__all__ = ["ExpressionError", "Known", "Values", "check", "evaluate"]
