"""Ids of the jobs that wait or run on a head, one a line; nothing if no Ray runs there.

    running_jobs.py HEAD TOKEN_FILE

If Ray runs, but does not tell its jobs, the line is the reason: there may be some.

Standard library only. The token is read here, since a command line would show it to everyone on the host.
"""

import http.client
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

SECONDS = 10


def main() -> None:
    head, token_file = sys.argv[1:]
    for job in running_jobs(f"http://{head}:8265", Path(token_file)):
        print(job)


def running_jobs(url: str, token_file: Path) -> list[str]:
    token = token_file.read_text(encoding="utf-8").strip() if token_file.exists() else ""
    request = urllib.request.Request(f"{url}/api/jobs/", headers={"Authorization": f"Bearer {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach the private network
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            jobs = json.load(answer)
    except urllib.error.HTTPError as error:
        return [f"unknown jobs (the dashboard answers HTTP {error.code})"]
    except TimeoutError:
        return [f"unknown jobs (the dashboard does not answer within {SECONDS} s)"]
    except http.client.HTTPException as error:
        return [f"unknown jobs (the dashboard's answer is broken: {error!r})"]
    except (OSError, ValueError):
        return []
    return [job.get("submission_id") or job["job_id"] for job in jobs if job["status"] in ("PENDING", "RUNNING")]


if __name__ == "__main__":
    main()
