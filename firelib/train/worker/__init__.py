"""Training as seen from one worker: import, build the model, train, validate, export."""
