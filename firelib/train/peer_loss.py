"""Recognize the errors that TensorFlow raises in a worker whose peer is gone."""

# They come from any collective operation: of a step, but also of `build_model`, which broadcasts initial weights.
# Compared by name, because the driver must not import TensorFlow.
_PEER_ERRORS = frozenset({"UnavailableError", "AbortedError", "CancelledError", "DeadlineExceededError"})


def is_peer_loss(error: BaseException) -> bool:
    """Whether an error says that another worker was lost, and not that the code of this one is wrong."""
    return any(cls.__name__ in _PEER_ERRORS for cls in type(error).__mro__)
