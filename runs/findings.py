"""What a training has found out: the verdict on its model, the columns left out, the models compared."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Floor:
    """The limit that the settings give. setting: min_accuracy or max_rmse."""

    setting: str
    limit: float
    passed: bool


@dataclass(frozen=True)
class OutOfFold:
    """How well `rows` rows were predicted, each by a model that was not trained on it.

    value, baseline: the metric, "log_loss" or "rmse", of these models and of the baseline. interval: 95 %
    interval of how much larger the first is, for RMSE as a share of the second.
    """

    metric: str
    rows: int
    value: float
    baseline: float
    interval: list[float]


@dataclass(frozen=True)
class Baseline:
    """The best prediction without a model, on `rows` hold-out rows.

    name: "majority class", "base rate" or "mean". value: in the gate's metric. interval: 95 % interval of how
    much worse than that the model is. Rows that are too few to tell have an error instead of an interval, and
    the model does not pass. out_of_fold: None unless the algorithm `auto` predicted training rows.
    """

    name: str
    value: float
    rows: int
    interval: list[float] | None
    passed: bool
    error: str = ""
    out_of_fold: OutOfFold | None = None


@dataclass(frozen=True)
class ChampionComparison:
    """The champion's and the challenger's metric on the same `rows` of the hold-out.

    interval: 95 % bootstrap interval of how much worse the challenger is. A champion that could not score
    these rows has an error instead of a value, and the gate passes.
    """

    model: str
    rows: int
    value: float | None
    challenger: float | None
    tolerance: float
    interval: list[float] | None
    passed: bool
    error: str = ""


Verdict = Literal["deploy", "keep_champion"]


@dataclass(frozen=True)
class Gate:
    """Whether a model may be deployed. value: its metric on the whole hold-out.

    reasons: sentences that say why it may not. floor: None if the settings give no limit. champion: None if
    there was none to compare with.
    """

    verdict: Verdict
    reasons: list[str]
    metric: str
    value: float
    floor: Floor | None
    baseline: Baseline
    champion: ChampionComparison | None


@dataclass(frozen=True)
class Dropped:
    """A column that the model does not use, and why."""

    column: str
    why: str


@dataclass(frozen=True)
class ChoiceCandidate:
    """A model that the algorithm `auto` compared with others.

    settings: what was chosen within it, in words. score: in the choice's metric, lower is better; None if
    there were too few rows to compare anything. seconds: how long that took. rows: how many it was trained
    on. weight: its share in the model, in [0, 1]; 0 if it is no part of it, 1 if it is the model.
    """

    name: str
    settings: str
    score: float | None
    seconds: float
    rows: int
    weight: float


@dataclass(frozen=True)
class Choice:
    """How the algorithm `auto` chose a model, on training rows: no score of it says how good the model is.

    metric: what the scores are, such as "log loss". rows, folds: how many training rows were predicted for
    it, in so many parts. selected: the name of the candidate that is the model.
    """

    metric: str
    rows: int
    folds: int
    selected: str
    candidates: list[ChoiceCandidate]
