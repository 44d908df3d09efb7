"""A headless Chromium over its debugging pipe: opens a page as a phone or a desk screen, light or dark, and looks.

For tests and for the pictures in the docs: `python tests/reports/chromium_page.py PAGE OUT.png --width 390 --dark`.
"""

import argparse
import asyncio
import base64
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@dataclass
class Page:
    """One open page. `requests` are the addresses it asked for, `complaints` what its console said."""

    tab: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def send(self, method: str, **params: Any) -> Any:
        answer = await self.tab.send_command(method, params)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer.get("result")

    async def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression, promises awaited."""
        answer = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "script failed"))
        return answer["result"].get("value")

    async def screenshot(self, *, top: float = 0, height: float | None = None) -> bytes:
        """The page as PNG, from `top` down (all of it unless `height` is given)."""
        size = await self.evaluate("({w: innerWidth, h: document.documentElement.scrollHeight})")
        clip = {"x": 0, "y": top, "width": size["w"], "height": height or size["h"] - top, "scale": 1}
        shot = await self.send("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    async def pdf(self) -> bytes:
        """The page as it prints."""
        await self.send("Emulation.setEmulatedMedia", media="", features=[])
        await self.send("Emulation.clearDeviceMetricsOverride")
        shot = await self.send("Page.printToPDF", preferCSSPageSize=True, transferMode="ReturnAsStream")
        parts = []
        while True:
            part = await self.send("IO.read", handle=shot["stream"], size=2**17)
            parts.append(base64.b64decode(part["data"]) if part.get("base64Encoded") else part["data"].encode())
            if part["eof"]:
                return b"".join(parts)


@asynccontextmanager
async def opened(path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> AsyncIterator[Page]:
    """The file open in a browser of its own, drawn and quiet."""
    import choreographer
    from choreographer.browsers import Chromium

    class Quiet(Chromium):
        def get_cli(self) -> Sequence[str]:
            return [*super().get_cli(), "--disable-background-networking", "--disable-quic", "--hide-scrollbars"]

    async with choreographer.Browser(CHROMIUM, browser_cls=Quiet, headless=True, enable_sandbox=False) as browser:
        tab = await browser.create_tab("")
        page = Page(tab)

        async def asked(message: dict[str, Any]) -> None:
            address = message["params"]["request"]["url"]
            if not address.startswith("data:"):  # a heatmap draws itself as a picture inside the page
                page.requests.append(address)

        async def said(message: dict[str, Any]) -> None:
            page.complaints.append(str(message["params"]))

        tab.subscribe("Network.requestWillBeSent", asked)
        tab.subscribe("Log.entryAdded", said)
        tab.subscribe("Runtime.exceptionThrown", said)
        for domain in ("Network", "Log", "Runtime", "Page"):
            await page.send(f"{domain}.enable")
        feature = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await page.send("Emulation.setEmulatedMedia", media="screen", features=feature)
        await page.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        await page.send("Page.navigate", url=path.resolve().as_uri())
        await page.evaluate(
            "new Promise(done => { const look = () => document.readyState === 'complete' ? setTimeout(done, 400) "
            ": setTimeout(look, 50); look(); })"
        )
        yield page


async def _picture(args: argparse.Namespace) -> None:
    async with opened(args.page, width=args.width, dark=args.dark) as page:
        if args.out.suffix == ".pdf":
            args.out.write_bytes(await page.pdf())
        else:
            top = args.top
            if args.at:
                top = await page.evaluate(
                    f"document.querySelector({args.at!r}).getBoundingClientRect().top + scrollY - 12"
                )
            args.out.write_bytes(await page.screenshot(top=top, height=args.height))
        for complaint in page.complaints:
            sys.stderr.write(f"{complaint}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=float)
    parser.add_argument("--top", type=float, default=0)
    parser.add_argument("--at", help="start at this element (CSS selector)")
    parser.add_argument("--dark", action="store_true")
    asyncio.run(_picture(parser.parse_args()))
