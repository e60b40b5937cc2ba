"""The pages of this machine: the console, and the pages of listeners and speakers.

The console shows both APIs' documents, and signs the demo speaker in.

They have an origin of their own, so that a browser needs CORS for the API as it does on AWS.
"""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import segno
import swagger_ui
from aiohttp import web

from scripts.local.servers import SHUTDOWN_SECONDS, Server
from scripts.project import ROOT

DOCS = ROOT / "docs"
MAX_QR_CHARACTERS = 200
_PAGES = Path(__file__).parent
_SWAGGER_UI = Path(swagger_ui.__file__).parent / "static"


@dataclass(frozen=True)
class Addresses:
    """What the pages use: both APIs, S3 for recorded voice, and whether the service takes audio."""

    api_url: str
    websocket_url: str
    s3_url: str
    audio: bool = False


class Console(Server):
    """Serves the pages. `sign_in` returns a token of the demo speaker, `docs` has both APIs' documents."""

    def __init__(self, addresses: Addresses, sign_in: Callable[[], str], docs: Path = DOCS) -> None:
        self._addresses = addresses
        self._sign_in = sign_in
        self._docs = docs
        self._origins: set[str] = set()

    def runner(self) -> web.AppRunner:
        """Serve the pages, what they load, and the sign-in."""
        app = web.Application(middlewares=[self._add_security_headers])
        for path, page in (
            ("/", "index"),
            ("/listen", "listen"),
            ("/speak", "speak"),
            ("/messages", "messages"),
        ):
            app.router.add_get(path, _page(page))
        app.router.add_get("/openapi.json", self._openapi)
        app.router.add_get("/asyncapi.json", self._asyncapi)
        app.router.add_get("/settings.json", self._settings)
        app.router.add_get("/qr.svg", _qr_code)
        app.router.add_post("/token", self._token)
        app.router.add_static("/pages", _PAGES)
        app.router.add_static("/swagger-ui", _SWAGGER_UI)
        return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def start(self, port: int = 0) -> int:
        """Listen, and return the port."""
        port = await super().start(port)
        self._origins = {f"http://{name}:{port}" for name in ("127.0.0.1", "localhost")}
        return port

    @web.middleware
    async def _add_security_headers(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        response = await handler(request)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            f"connect-src 'self' {self._addresses.api_url} {_origin(self._addresses.websocket_url)}; "
            f"media-src {self._addresses.s3_url}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def _openapi(self, _: web.Request) -> web.Response:
        document = await self._document("openapi.json")
        document["servers"] = [{"url": self._addresses.api_url, "description": "This machine"}]
        return web.json_response(document)

    async def _asyncapi(self, _: web.Request) -> web.Response:
        return web.json_response(await self._document("asyncapi.json"))

    async def _document(self, name: str) -> dict[str, Any]:
        path = self._docs / name
        try:
            document: dict[str, Any] = json.loads(await asyncio.to_thread(path.read_text))
        except FileNotFoundError:
            raise web.HTTPNotFound(text=f"{path} does not exist") from None
        return document

    async def _settings(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "apiUrl": self._addresses.api_url,
                "websocketUrl": self._addresses.websocket_url,
                "audio": self._addresses.audio,
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        # A page of another site can send this request, even by a host name of its own that resolves to here.
        if request.headers.get("origin") not in self._origins:
            raise web.HTTPForbidden(text="Only the pages of this server may sign in")
        return web.json_response({"token": await asyncio.to_thread(self._sign_in)})


def _page(name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def send(_: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGES / f"{name}.html")

    return send


async def _qr_code(request: web.Request) -> web.Response:
    """Return the QR code of the parameter `text`."""
    text = request.query.get("text", "")
    if not 1 <= len(text) <= MAX_QR_CHARACTERS:
        raise web.HTTPBadRequest(text=f"text must have 1 to {MAX_QR_CHARACTERS} characters")
    image = io.BytesIO()
    segno.make(text, micro=False).save(image, kind="svg", scale=8)
    return web.Response(body=image.getvalue(), content_type="image/svg+xml")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
