"""Names on the wire: record keys and message types that both sides use."""

ARRAYS = "arrays"
"""ArrayRecord with the weight vector under WEIGHTS."""

WEIGHTS = "weights"

CONFIG = "config"
"""ConfigRecord: EXPERIMENT and CONTRACT in every message to a site; ROUND or SPLIT where needed."""

EXPERIMENT = "experiment"
CONTRACT = "contract"
ROUND = "round"
SPLIT = "split"

METRICS = "metrics"
"""MetricRecord of a train reply: EXAMPLES, LOSS, SECONDS, STEPS."""

EXAMPLES = "num-examples"
LOSS = "loss"
SECONDS = "seconds"
STEPS = "steps"

ANSWER = "answer"
"""ConfigRecord of a handshake or evaluation reply."""

SUMS = "sums"
"""JSON of additive evaluation sums, in ANSWER."""

COHORT = "cohort"
"""JSON of a Cohort, in ANSWER."""

HANDSHAKE = "query.handshake"
TRAIN = "train"
EVALUATE = "evaluate"

VERSION_HEADER = "x-fedcmr-version"
"""HTTP header in which the coordinator states its version to enrolled sites."""
