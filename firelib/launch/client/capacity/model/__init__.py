"""The model: curves, network, simulation, and the prediction for a fleet. Pure functions of measured figures."""
