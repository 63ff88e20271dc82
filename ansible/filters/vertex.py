"""The plan of a Google Cloud project for jobs on Vertex AI, built from the words of the command line."""

from typing import Any


class FilterModule:
    """Filters for playbooks."""

    def filters(self) -> dict[str, Any]:
        """Map the names of the filters to functions, as Ansible requires."""
        return {"vertex_plan": plan, "vertex_changes": list_changes}


def plan(words: dict[str, str], api: str, saved: str) -> dict[str, Any]:
    """Build the plan.

    Args:
        words: PROJECT, REGION, BUCKET, MACHINE and SECRET.
        api: URL of Google's APIs with the placeholder `{service}`.
        saved: Folder of the project; its settings of an earlier run are the defaults.
    """
    from pathlib import Path

    from firelib.gcp.vertex.plan import plan_project
    from firelib.gcp.vertex.settings import parse_settings, read_saved

    return plan_project(parse_settings(words, read_saved(Path(saved))), api)


def list_changes(results: list[dict[str, Any]]) -> list[str]:
    """List what changed, or would change.

    Args:
        results: Results of modules cloud_resource and cloud_grant, one per item.
    """
    return [_describe(result) for result in results if result.get("changed")]


def _describe(result: dict[str, Any]) -> str:
    item = result["item"]
    if "role" in item:
        return f"{item['role']} on {item['on']}"
    content = result.get("content")
    return f"{item['kind']}/{item['name']}" + (f" with {content['objects']} objects" if content else "")
