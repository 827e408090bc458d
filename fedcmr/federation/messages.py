"""Names on the wire: record keys and message types that both sides use."""

ARRAYS = "arrays"
"""ArrayRecord with the weight vector under WEIGHTS, and OTHER where two are compared."""

WEIGHTS = "weights"
OTHER = "other"
SCALES = "scales"
"""Beside WEIGHTS in a train reply where federation.update_precision is not fp32."""

CONFIG = "config"
"""ConfigRecord: EXPERIMENT and CONTRACT in every message to a site; ROUND to train; to evaluate
SPLIT and, where needed, EDGES (JSON list of inner edges; OTHER_EDGES of the scores of OTHER) or
CALIBRATE (JSON [intercept, slope])."""

EXPERIMENT = "experiment"
CONTRACT = "contract"
ROUND = "round"
SPLIT = "split"
EDGES = "edges"
OTHER_EDGES = "other_edges"
CALIBRATE = "calibrate"

METRICS = "metrics"
"""MetricRecord of a train reply: EXAMPLES, LOSS, SECONDS, STEPS; EPSILON under privacy."""

EXAMPLES = "num-examples"
LOSS = "loss"
SECONDS = "seconds"
STEPS = "steps"
EPSILON = "epsilon"

ANSWER = "answer"
"""ConfigRecord of a handshake or evaluation reply."""

SUMS = "sums"
"""JSON of additive sums, in ANSWER: of an evaluation, a comparison or a calibration step."""

COHORT = "cohort"
"""JSON of a Cohort, in ANSWER."""

SURVEY = "survey"
"""JSON of SurveySums, in ANSWER."""

HANDSHAKE = "query.handshake"
ASK_SURVEY = "query.survey"
TRAIN = "train"
EVALUATE = "evaluate"

PART = 2**22
"""Bytes of one part of an array on the wire. Every part costs some ms of CPU on both sides. Many
sites push at once: what is in flight must fit into the coordinator's memory beside the weights."""

VERSION_HEADER = "x-fedcmr-version"
"""HTTP header in which the coordinator states its version to enrolled sites."""
