"""Hold the lock of a cluster for a playbook that runs on this machine.

    hold_lock.py take    take the lock, and renew it in the background until the playbook ends, however it ends
    hold_lock.py renew   do that in the foreground, with a lock that was taken
    hold_lock.py release

A process of its own renews the lock during tasks that take an hour, and releases it also if the playbook is killed.
"""

import argparse
import json
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from firelib.cluster.ssh import HostUnreachableError, run_on_host
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile, read_cluster_file
from firelib.storage import Owner

POLL_SECONDS = 0.5
LOGIN_SECONDS = 120.0  # to an emulated VM
HELD_BY_OTHERS = 1  # exit code of setup_lock.py


@dataclass(frozen=True)
class Lock:
    """The lock of a cluster, for one playbook.

    Attributes:
        cluster: The cluster file.
        file: Path of the lock on the head.
        token: Process of the playbook, as firelib.storage.Owner names it.
    """

    cluster: ClusterFile
    file: str
    token: str

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run setup_lock.py on the head."""
        program = Path(__file__).with_name("setup_lock.py").read_text(encoding="utf-8")
        command = shlex.join(["sudo", "-n", "/usr/bin/python3", "-c", program, self.file, *arguments])
        return run_on_host(self.cluster, self.cluster.provider.head_ip, command, LOGIN_SECONDS)


def main() -> int:
    options = _options()
    lock = Lock(read_cluster_file(options.cluster), options.file, options.token)
    try:
        if options.action == "take":
            take(lock, options)
        elif options.action == "renew":
            renew(lock, options.seconds / 5)
        else:
            lock.call("release", lock.token)
    except FirelibError as error:
        if not (options.if_reachable and isinstance(error, HostUnreachableError)):
            sys.exit(str(error))
        print(f"{error.where} does not answer: others may be changing the cluster at the same time")
    return 0


def take(lock: Lock, options: argparse.Namespace) -> None:
    """Take the lock: also from a playbook of this machine that is known to have ended."""
    holder = json.loads(lock.call("show").stdout or "{}").get("token", "")
    process = Owner.parse(holder)
    ended = [holder] if process and process.has_ended else []
    check = ["--check"] if options.check else []
    done = lock.call(*check, "take", options.owner, lock.token, str(options.seconds), *ended)
    if done.returncode:
        raise held(lock, done.stdout.strip(), options.seconds) if done.stdout else failed(lock, done.stderr.strip())
    if not options.check:
        renew_in_background()


def held(lock: Lock, holder: str, seconds: float) -> FirelibError:
    head = lock.cluster.provider.head_ip
    return FirelibError(
        holder,
        where=f"{lock.file} on {head}",
        remedy="wait until that playbook ends. If its machine is off, the lock expires "
        f"{seconds / 60:.0f} minutes after its last renewal. To take over now, run sudo rm {lock.file} on {head}",
    )


def failed(lock: Lock, said: str) -> FirelibError:
    remedy = "run ansible/setup.yml without --limit: it checks the head, and installs Python there"
    return FirelibError(f"the lock could not be read: {said}", where=lock.cluster.provider.head_ip, remedy=remedy)


def renew_in_background() -> None:
    """Run this program in a session of its own: what ends a terminal's processes does not reach it."""
    subprocess.Popen(
        [sys.executable, __file__, "renew", *sys.argv[2:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def renew(lock: Lock, seconds: float) -> None:
    """Renew the lock every so many seconds, until it is released or the playbook ends; release it then."""
    playbook, renewed = Owner.parse(lock.token), time.monotonic()
    while playbook and playbook.is_alive:
        if time.monotonic() - renewed >= seconds:
            renewed = time.monotonic()
            if not try_to_renew(lock):
                return
        time.sleep(POLL_SECONDS)
    if playbook and playbook.has_ended:
        lock.call("release", lock.token)


def try_to_renew(lock: Lock) -> bool:
    """Renew the lock; return whether it is still this playbook's. A head that restarts does not answer."""
    try:
        return lock.call("renew", lock.token).returncode != HELD_BY_OTHERS
    except HostUnreachableError:
        return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["take", "renew", "release"])
    parser.add_argument("--cluster", type=Path, required=True, help="the cluster file")
    parser.add_argument("--file", required=True, help="the lock, on the head")
    parser.add_argument("--token", required=True, help="process of the playbook")
    parser.add_argument("--owner", default="", help="who changes the cluster")
    parser.add_argument(
        "--seconds", type=float, default=900, help="time without renewal after which a lock is abandoned"
    )
    parser.add_argument(
        "--if-reachable", action="store_true", help="succeed without a lock if the head does not answer"
    )
    parser.add_argument("--check", action="store_true", help="only look whether it could be taken")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
