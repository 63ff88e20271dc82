"""Checkpoints of a run: write, verify, choose.

1. Write: `checkpointer.Checkpointer` copies the variables on the training thread, and rank 0 writes the copy in a
   thread of its own. `serialization.save` writes `state.npz` first and `progress.json`, with the hash of `state.npz`,
   last. A checkpoint that was interrupted therefore has no `progress.json`, or a hash that does not match.
2. Verify: `serialization.verify` reads a checkpoint back before older ones are removed. `serialization.load` compares
   the hash before it returns anything.
3. Choose: `store.CheckpointStore.find_newest` returns the newest checkpoint that verifies, and names the torn ones
   after it. It changes nothing.
4. Clean up: the driver removes the torn checkpoints when it starts an attempt (`driver.restart`). The workers of the
   attempt resume from the step that the driver has chosen.
"""
