"""Ids of the jobs that wait or run on a head, one a line; nothing if no Ray answers there.

    running_jobs.py HEAD TOKEN_FILE

Standard library only. The token is read here, since a command line would show it to everyone on the host.
"""

import json
import sys
import urllib.request
from pathlib import Path

SECONDS = 10


def main() -> None:
    head, token_file = sys.argv[1:]
    for job in running_jobs(f"http://{head}:8265", Path(token_file)):
        print(job)


def running_jobs(url: str, token_file: Path) -> list[str]:
    try:
        token = token_file.read_text(encoding="utf-8").strip()
        request = urllib.request.Request(f"{url}/api/jobs/", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            jobs = json.load(answer)
    except (OSError, ValueError):
        return []
    return [job.get("submission_id") or job["job_id"] for job in jobs if job["status"] in ("PENDING", "RUNNING")]


if __name__ == "__main__":
    main()
