"""A Flower application that trains nothing, for `bench_flower`, which copies this file.

Each site answers with the weights, a little longer; like a round of this package, one of Flower's
ends with an evaluation. After each one a line with the time goes to the file `stamps`.
"""

import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

server = ServerApp()
client = ClientApp()


@server.main()
def main(grid: Grid, context: Context) -> None:
    """Run the rounds."""
    config = context.run_config
    sites, stamps = int(config["sites"]), Path(str(config["stamps"]))
    values = np.random.default_rng(0).standard_normal(int(config["parameters"]), dtype=np.float32)

    def stamp(number: int, arrays: ArrayRecord) -> None:
        with stamps.open("a", encoding="ascii") as file:
            file.write(f"{time.monotonic()}\n")

    strategy = FedAvg(min_train_nodes=sites, min_evaluate_nodes=sites, min_available_nodes=sites)
    weights = ArrayRecord({"weights": Array(values)})
    strategy.start(grid, weights, num_rounds=int(config["rounds"]), evaluate_fn=stamp)


@client.train()
def train(message: Message, context: Context) -> Message:
    """Return the weights, longer by a factor of this site's own."""
    weights = message.content.array_records["arrays"]["weights"].numpy()
    update = Array(weights * np.float32(1 + 1e-3 * (context.node_id % 1000) / 1000))
    metrics = MetricRecord({"num-examples": 1, "loss": 0.0})
    content = RecordDict({"arrays": ArrayRecord({"weights": update}), "metrics": metrics})
    return Message(content, reply_to=message)


@client.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Return numbers that are not looked at."""
    metrics = MetricRecord({"num-examples": 1, "loss": 0.0})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)
