"""What CLAIM and TRIPOD+AI ask for, in short words of our own, and which fact answers it.

CLAIM: Tejani et al., Checklist for Artificial Intelligence in Medical Imaging, 2024 update.
TRIPOD+AI: Collins et al., BMJ 2024;385:e078378. Read the items there; the numbers are theirs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One item of a checklist."""

    number: str
    words: str
    fact: str = ""
    """Key of the fact that answers it; empty where a run knows nothing of it."""


CLAIM = (
    Item("1", "kind of AI named", "network"),
    Item("2", "structured abstract"),
    Item("3", "background, use and role", "purpose"),
    Item("4", "aims and hypotheses", "aim"),
    Item("5", "prospective or retrospective"),
    Item("6", "goal of the study", "aim"),
    Item("7", "sources of data", "sites"),
    Item("8", "inclusion and exclusion"),
    Item("9", "preprocessing", "preprocessing"),
    Item("10", "selection of subsets of the data", "preprocessing"),
    Item("11", "de-identification", "deidentification"),
    Item("12", "missing data", "missing"),
    Item("13", "image acquisition"),
    Item("14", "how the reference standard was made"),
    Item("15", "why this reference standard"),
    Item("16", "who annotated"),
    Item("17", "annotation of the test set"),
    Item("18", "variability between and within readers"),
    Item("19", "how cases were assigned to parts", "partition"),
    Item("20", "level at which parts are disjoint", "disjoint"),
    Item("21", "intended sample size"),
    Item("22", "the model in detail", "model"),
    Item("23", "software", "software"),
    Item("24", "initial weights", "initial"),
    Item("25", "training", "training"),
    Item("26", "choice of the final model", "selection"),
    Item("27", "ensembles", "ensemble"),
    Item("28", "measures of performance", "measures"),
    Item("29", "significance and uncertainty", "uncertainty"),
    Item("30", "robustness or sensitivity", "robustness"),
    Item("31", "explainability"),
    Item("32", "evaluation on internal data", "internal"),
    Item("33", "evaluation on external data", "external"),
    Item("34", "trial registration"),
    Item("35", "numbers included and excluded", "flow"),
    Item("36", "characteristics of each part", "characteristics"),
    Item("37", "performance with uncertainty", "performance"),
    Item("38", "diagnostic performance and precision", "diagnostic"),
    Item("39", "analysis of failures"),
    Item("40", "limitations", "limitations"),
    Item("41", "implications for practice"),
    Item("42", "full protocol or technical details", "protocol"),
    Item("43", "availability of software, model, data", "availability"),
    Item("44", "funding"),
)

TRIPOD_AI = (
    Item("1", "title names prediction, outcome, population", "network"),
    Item("2", "structured abstract"),
    Item("3a", "clinical background", "purpose"),
    Item("3b", "intended population, users, place in care"),
    Item("3c", "known health inequalities"),
    Item("4", "objectives: development, evaluation", "aim"),
    Item("5a", "sources of data", "sites"),
    Item("5b", "dates of the data"),
    Item("6a", "setting, number of centres", "sites"),
    Item("6b", "eligibility"),
    Item("6c", "treatments received"),
    Item("7", "preparation of the data, also by group", "preprocessing"),
    Item("8a", "outcome and how it was assessed"),
    Item("8b", "qualification of assessors"),
    Item("8c", "blinding of assessors"),
    Item("9a", "choice of predictors", "predictors"),
    Item("9b", "definition of predictors", "preprocessing"),
    Item("9c", "qualification of those who measured predictors"),
    Item("10", "sample size"),
    Item("11", "missing data", "missing"),
    Item("12a", "data for development and evaluation", "partition"),
    Item("12b", "handling of predictors", "preprocessing"),
    Item("12c", "type and building of the model", "training"),
    Item("12d", "heterogeneity between clusters", "heterogeneity_method"),
    Item("12e", "measures of performance", "measures"),
    Item("12f", "updating of the model", "updating"),
    Item("12g", "how predictions were made for evaluation", "predictions"),
    Item("13", "class imbalance"),
    Item("14", "fairness", "fairness"),
    Item("15", "output and threshold", "output"),
    Item("16", "development against evaluation data"),
    Item("17", "ethical approval"),
    Item("18a", "funding"),
    Item("18b", "conflicts of interest"),
    Item("18c", "protocol", "protocol"),
    Item("18d", "registration"),
    Item("18e", "sharing of data", "sharing"),
    Item("18f", "sharing of code", "software"),
    Item("19", "patients and public"),
    Item("20a", "flow of participants", "flow"),
    Item("20b", "characteristics overall and by centre", "characteristics"),
    Item("20c", "predictors in development and evaluation"),
    Item("21", "participants and events in each analysis", "flow"),
    Item("22", "the full model", "model"),
    Item("23a", "performance with intervals, by group", "performance"),
    Item("23b", "heterogeneity between clusters", "heterogeneity"),
    Item("24", "results of updating", "updating"),
    Item("25", "interpretation and fairness"),
    Item("26", "limitations", "limitations"),
    Item("27a", "poor or missing input in use", "poor_input"),
    Item("27b", "user and expertise needed"),
    Item("27c", "next steps"),
)
