"""A store of files over HTTP on this machine, in a process of its own, with a latency that each request may set.

    python -m benchmarks.planning.file_store FOLDER

serves `http://127.0.0.1:PORT/<milliseconds>/<file>`, prints the port, and ends with its standard input.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def main() -> None:
    asyncio.run(_serve(Path(sys.argv[1])))


async def _serve(folder: Path) -> None:
    from aiohttp import web

    async def answer(request: Any) -> Any:
        if request.method == "GET":
            await asyncio.sleep(int(request.match_info["milliseconds"]) / 1000)
        path = folder / Path(request.match_info["file"]).name
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    application = web.Application()
    application.router.add_get("/{milliseconds}/{file}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201  the parent reads it
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder for the duration of the block.

    Yields:
        The store's address, to which `/<milliseconds>` is appended.
    """
    command = [sys.executable, "-m", "benchmarks.planning.file_store", str(folder)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:  # noqa: S603  our own module
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    main()
