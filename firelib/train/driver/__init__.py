"""Training as seen from the process that runs `firelib train`: worker group, health, restarts.

From a failure to a restart:

1. Notice. Every worker sends heartbeats (`worker.heartbeat`) to the progress actor, which runs beside the driver.
   `monitor` polls the actor, and kills the workers when one is silent for `train.hang_seconds` or none makes a step.
   Ray Train notices a process that dies. In both cases Ray Train's `fit` raises.
2. Classify. `failure` reads the exception: a lost worker or connection, an error of the recipe's code, or an error of
   firelib. `worker_group` raises `WorkerLostError` for a loss, and the error itself otherwise. A checkpoint that
   vanishes between choice and resume counts as a loss: workers of a killed driver live for seconds and may prune it.
3. Decide. `restart.run_until_finished` catches `WorkerLostError` only. It gives up after three losses in a row without
   a new checkpoint.
4. Restart. The next attempt begins in the same loop: it removes torn checkpoints, waits for worker slots
   (`node_probe`), takes as many workers as there are slots, and resumes from the newest whole checkpoint.
"""
