"""Headless Chromium over its DevTools protocol: open a page, watch its requests and messages, take screenshots."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.patience import patience

#: Debian's package `chromium` provides the first.
PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")


@dataclass
class Seen:
    """What a page did.

    Attributes:
        requests: URLs that it requested.
        messages: Errors and warnings on the console.
        width: Width of its content, in CSS pixels.
        picture: A screenshot, PNG.
    """

    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    width: int = 0
    picture: bytes = b""


def open_page(file: Path, width: int, scheme: str) -> Seen:
    """Open a file.

    Args:
        file: The page.
        width: Width of the window, in CSS pixels.
        scheme: `light` or `dark`: what the reader prefers.
    """
    return asyncio.run(asyncio.wait_for(_open(file, width, scheme), patience(90)))


async def _open(file: Path, width: int, scheme: str) -> Seen:
    async with _browser() as page:
        seen = page.seen
        for domain in ("Network", "Log", "Runtime", "Page"):
            await page.call(f"{domain}.enable")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        await page.call("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await page.call("Emulation.setEmulatedMedia", features=features)
        await page.call("Page.navigate", url=file.resolve().as_uri())
        await page.loaded.wait()
        found = await page.call("Runtime.evaluate", expression="document.documentElement.scrollWidth")
        seen.width = int(found["result"]["value"])
        shot = await page.call("Page.captureScreenshot", format="png")
        seen.picture = base64.b64decode(shot["data"])
        return seen


class _Page:
    """A page that is driven over a web socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._answers = socket, dict[int, asyncio.Future[dict[str, Any]]]()
        self.seen, self.loaded = Seen(), asyncio.Event()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = len(self._answers) + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        return await answer

    async def listen(self) -> None:
        async for message in self._socket:
            content = json.loads(message.data)
            if "id" in content:
                self._answers[content["id"]].set_result(content.get("result", {}))
            else:
                self._note(content["method"], content["params"])

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.seen.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.seen.messages.append(params["entry"]["text"])
        elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self.seen.messages.append(json.dumps(params))
        elif method == "Page.loadEventFired":
            self.loaded.set()


@asynccontextmanager
async def _browser() -> AsyncIterator[_Page]:
    """Run a browser with one page for the duration of the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = [*_OPTIONS, f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank"]
        process = subprocess.Popen([str(PROGRAM), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{await _find_port(Path(folder))}/json"
            async with aiohttp.ClientSession() as session:
                pages = await (await session.get(url)).json()
                address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    page = _Page(socket)
                    listener = asyncio.create_task(page.listen())
                    yield page
                    listener.cancel()
        finally:
            process.terminate()
            process.wait(patience(30))


async def _find_port(folder: Path) -> int:
    file = folder / "DevToolsActivePort"
    while not (file.is_file() and file.read_text().count("\n")):
        await asyncio.sleep(0.1)
    return int(file.read_text().splitlines()[0])
