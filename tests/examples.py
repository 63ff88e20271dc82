"""How many random examples a property gets."""

from hypothesis import settings


def examples(count: int) -> settings:
    """Settings for a property whose examples are expensive: `count`, unless the profile `explore` asks for more.

    A number in `settings` alone would also hold under `make test-slow`.
    """
    return settings() if settings.get_current_profile_name() == "explore" else settings(max_examples=count)
