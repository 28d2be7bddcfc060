"""The settings of a run: what each may be, what it means, and who may set it (runs.authority)."""

from dataclasses import dataclass
from typing import Any

from runs.authority import HIGHER, LOWER, LOWER_ABOVE_0, Direction, Owner, towards
from runs.value_types import ValueType, duration, number, one_of, text, whole_number


@dataclass(frozen=True)
class Setting:
    """One setting of a run.

    default: for the names and the task, "" means that `resolving.resolve` derives it. meaning: for
    docs/settings.md. owner: whose decision it is. tighter: which values are tighter; of policy alone. cap,
    choices: the field of `App` that holds the largest value for anyone, or the values that are allowed beside
    the app's own; "" for none.
    """

    name: str
    type: ValueType[Any]
    default: Any
    meaning: str
    owner: Owner
    tighter: Direction | None = None
    cap: str = ""
    choices: str = ""

    @property
    def variable(self) -> str:
        """The app setting that sets it for every run."""
        return f"TOUCHDOWN_{self.name.upper()}"


RUN_SETTINGS = {
    each.name: each
    for each in (
        Setting("label", text(), "", "Column to predict. Default: the last column.", Owner.DATA),
        Setting(
            "model_name",
            text(),
            "",
            "Name of the registered model. Default: derived from the file's name.",
            Owner.PLACE,
        ),
        Setting(
            "endpoint_name",
            text(),
            "",
            "Name of the batch endpoint. Default: derived from the names of model and workspace.",
            Owner.PLACE,
        ),
        Setting(
            "epochs",
            whole_number(1, 10_000),
            50,
            "Passes over the training rows (`linear`), or rounds (`boosting`); `auto` takes none.",
            Owner.DATA,
            cap="max_epochs",
        ),
        Setting(
            "lr",
            number(1e-9, 100.0),
            0.1,
            "Learning rate of `linear` or `boosting`; `auto` takes none.",
            Owner.DATA,
        ),
        Setting(
            "min_accuracy",
            number(0.0, 1.0),
            0.0,
            "For a classification: a model whose hold-out accuracy is lower is not deployed.",
            Owner.POLICY,
            HIGHER,
        ),
        Setting(
            "training_timeout",
            duration(),
            86400,
            "How long training may take, including the time in a queue.",
            Owner.POLICY,
            LOWER,
            cap="max_training_timeout",
        ),
        # Azure ML allows 20 on an endpoint. Runs in progress need the rest: they deploy before they prune.
        Setting(
            "keep_deployments",
            whole_number(1, 10),
            2,
            "Number of deployments that an endpoint keeps, including the default.",
            Owner.POLICY,
            HIGHER,
        ),
        Setting(
            "compute_name", text(), "cpu-cluster", "Name of the AmlCompute cluster that scores.", Owner.PLACE
        ),
        Setting(
            "vm_size",
            text(),
            "Standard_DS3_v2",
            "VM size of that cluster, if Touchdown has to create it.",
            Owner.PLACE,
            choices="allowed_vm_sizes",
        ),
        Setting(
            "task",
            one_of("", "classification", "regression"),
            "",
            "What kind of model is trained. Default: detected from the label column, see below.",
            Owner.DATA,
        ),
        Setting(
            "algorithm",
            one_of("auto", "linear", "boosting"),
            "auto",
            "`auto`: a linear model, gradient-boosted trees or a blend of both, whichever predicts unseen"
            " training rows best; `linear`: a linear model by stochastic gradient descent on all rows;"
            " `boosting`: trees alone. The last two take `epochs` and `lr`.",
            Owner.DATA,
        ),
        Setting(
            "training_budget",
            number(0.1, 3600.0),
            10.0,
            "How much work `auto` may take: one is about what a core does in a second. It is counted in work,"
            " not by a clock, so the same file gives the same model on any machine.",
            Owner.POLICY,
            LOWER,
        ),
        Setting(
            "rare_classes",
            one_of("refuse", "merge"),
            "refuse",
            "What happens to classes with too few rows for a hold-out: `refuse` ends the training, `merge`"
            " combines them into one class, `(other)`.",
            Owner.DATA,
        ),
        Setting(
            "class_weights",
            one_of("equal", "balanced"),
            "equal",
            "How much the rows of each class count in the training of a classifier: `equal`, all alike;"
            " `balanced`, inversely to the class's frequency, so that each class counts alike. Predicted"
            " probabilities then no longer follow the classes' frequencies.",
            Owner.DATA,
        ),
        Setting(
            "max_rmse",
            number(0.0),
            0.0,
            "For a regression: a model whose hold-out RMSE is higher is not deployed. 0 means no limit.",
            Owner.POLICY,
            LOWER_ABOVE_0,
        ),
        # Training twice on the same few thousand rows in another order changes accuracy by about a point.
        Setting(
            "tolerance",
            number(0.0, 1.0),
            0.01,
            "How much worse than the champion a model may be and still be deployed: in accuracy (0.01 is one"
            " percentage point), or as a fraction of the champion's RMSE. On data sets of a few thousand"
            " rows, shuffling the same rows changes a model by about the default; smaller differences do not"
            " justify keeping the champion.",
            Owner.POLICY,
            LOWER,
        ),
        Setting(
            "approval",
            one_of("none", "required"),
            "none",
            "`required`: the run waits for a person's decision before it promotes its deployment.",
            Owner.POLICY,
            towards("required"),
        ),
        Setting(
            "approval_timeout",
            duration(),
            259200,
            "How long the run waits for that decision.",
            Owner.POLICY,
            LOWER,
        ),
        Setting(
            "uncompared_champion",
            one_of("approval", "replace"),
            "approval",
            "What happens if the model could not be compared with the champion: `approval`, the run waits for"
            " a decision, whatever `approval` says; `replace`, the model is deployed as if there were no"
            " champion.",
            Owner.POLICY,
            towards("approval"),
        ),
    )
}
