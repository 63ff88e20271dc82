"""How a new project requires firelib: the released version, or the checkout or URL that it is installed from."""

import json
from importlib import metadata

_EXTRAS = "data,train,pipeline,tune"


def firelib_requirement(extras: tuple[str, ...] = ()) -> str:
    """The requirement for pyproject.toml, in the form of PEP 508.

    Args:
        extras: Extras beside those of the stages, such as `pictures`.

    Example:
        >>> firelib_requirement(("sql",)).partition("]")[0]
        'firelib[data,train,pipeline,tune,sql'
    """
    name = f"firelib[{','.join([_EXTRAS, *extras])}]"
    try:
        installed = metadata.distribution("firelib")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return name
    text = installed.read_text("direct_url.json")
    if not text:
        return f"{name}=={installed.version}"
    origin = json.loads(text)
    revision = origin.get("vcs_info", {})
    if revision:
        return f"{name} @ {revision['vcs']}+{origin['url']}@{revision['commit_id']}"
    return f"{name} @ {origin['url']}"
