"""What both sides of a federation agree on: the weight vector, the contract, the messages."""
