"""A benchmark that never ends, with a child: writes both ids to the file that it is given."""

import os
import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(sys.argv[1] + ".part").write_text(f"{os.getpid()} {child.pid}")
    try:
        Path(sys.argv[1] + ".part").rename(sys.argv[1])
        time.sleep(600)
    finally:
        Path(sys.argv[1] + ".cleaned").touch()
