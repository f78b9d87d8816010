"""Training: the loss, the loop of every head, and the training of the pocket encoder."""
