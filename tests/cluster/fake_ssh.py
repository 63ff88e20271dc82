"""A stand-in for ssh that stays on this machine: it runs commands in a local shell, and really forwards ports.

FAKE_SSH_LOG      file to which each call appends its arguments, as JSON
FAKE_SSH_DASHBOARD  address to which `-L` forwards instead of the head's
FAKE_SSH_REFUSES  address → what ssh would say, as JSON; such a host refuses every call
FAKE_SSH_HOST     is set for the commands: the address

Like ssh, it ends if it cannot listen, and writes a line to standard error for each connection that it cannot forward.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

_WITH_VALUE = ("-o", "-i", "-L", "-p", "-W", "-F")


def main() -> int:
    words = sys.argv[1:]
    with Path(os.environ["FAKE_SSH_LOG"]).open("a") as log:
        log.write(json.dumps(words) + "\n")
    forward, target, command = None, "", []
    while words:
        word = words.pop(0)
        if word in _WITH_VALUE:
            value = words.pop(0)
            forward = value if word == "-L" else forward
        elif not word.startswith("-"):
            target, command = word, words
            break
    address = target.rpartition("@")[2]
    refuses = json.loads(os.environ.get("FAKE_SSH_REFUSES", "{}"))
    if said := refuses.get(address):
        sys.stderr.write(f"{said}\n")
        return 255
    os.environ["FAKE_SSH_HOST"] = address
    shell = ["sh", "-c", " ".join(command)]
    if not forward:
        os.execvp(shell[0], shell)  # a test that ends ssh ends the command
    listen(int(forward.split(":")[1]))
    return subprocess.run(shell, check=False).returncode


def listen(port: int) -> None:
    server = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=serve, args=(server,), daemon=True).start()


def serve(server: socket.socket) -> None:
    host, port = os.environ["FAKE_SSH_DASHBOARD"].rsplit(":", 1)
    while True:
        near, _ = server.accept()
        try:
            far = socket.create_connection((host, int(port)))
        except OSError as error:
            sys.stderr.write(f"channel 3: open failed: connect failed: {error}\n")
            sys.stderr.flush()
            near.close()
            continue
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=copy, args=(source, sink), daemon=True).start()


def copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()


if __name__ == "__main__":
    sys.exit(main())
