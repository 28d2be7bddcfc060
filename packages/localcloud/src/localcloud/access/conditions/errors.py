"""What is wrong with a condition."""


class InvalidConditionError(ValueError):
    """Azure refuses the condition. The message begins with Azure's sentence (its "Troubleshoot" page)."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The given role assignment condition is invalid. {reason}")


class UnsupportedConditionError(ValueError):
    """Azure may know the construct; localcloud does not."""

    def __init__(self, words: str) -> None:
        super().__init__(f"localcloud does not evaluate {words} in the condition of a role assignment.")
