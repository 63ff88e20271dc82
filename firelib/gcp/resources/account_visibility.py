"""A new service account: other services of Google Cloud see it later, sometimes only after minutes."""

from collections.abc import Callable

from firelib.gcp.resources.api import Api, Result
from firelib.gcp.resources.request_error import RequestError


def wait_until_visible(api: Api, account: str, call: Callable[[], Result]) -> Result:
    """Repeat a call while a new service account is unknown, which it can be for minutes after its creation.

    Args:
        api: Google Cloud's APIs.
        account: Email of the account, or its name as a member.
        call: What to repeat.

    Returns:
        The call's result.

    Raises:
        RequestError: The call fails for another reason, or the account stays unknown.
    """
    email = account.removeprefix("serviceAccount:")
    note = f"waited until the new service account {email} became visible, which can take minutes"

    def is_unknown(error: Exception) -> bool:
        unknown = isinstance(error, RequestError) and _is_unknown_account(error, email)
        if unknown and note not in api.notes:
            api.notes.append(note)
        return unknown

    return api.retry(is_unknown, api.pace.visible_seconds, call)


def _is_unknown_account(error: RequestError, email: str) -> bool:
    sentences = ("does not exist", "not found", "does not have access to service account")
    return email in error.message and any(sentence in error.message for sentence in sentences)
