"""The console: the OpenAPI document, rendered by Swagger UI, and a button that signs in the demo speaker.

It has an origin of its own, so that the browser needs CORS for the API as it does on AWS.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import swagger_ui
from aiohttp import web

from scripts.local.servers import SHUTDOWN_SECONDS, Server
from scripts.project import ROOT

OPENAPI = ROOT / "docs" / "openapi.json"
_PAGES = Path(__file__).parent
_SWAGGER_UI = Path(swagger_ui.__file__).parent / "static"


class Console(Server):
    """Serves the console for the API at `api_url`. `sign_in` returns a token of the demo speaker."""

    def __init__(self, api_url: str, sign_in: Callable[[], str], openapi: Path = OPENAPI) -> None:
        self._api_url = api_url
        self._sign_in = sign_in
        self._openapi = openapi
        self._origins: set[str] = set()

    def runner(self) -> web.AppRunner:
        """Serve the page, what it loads, and the sign-in."""
        app = web.Application(middlewares=[self._add_security_headers])
        app.router.add_get("/", self._page)
        app.router.add_get("/openapi.json", self._document)
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
            f"connect-src 'self' {self._api_url}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGES / "index.html")

    async def _document(self, _: web.Request) -> web.Response:
        try:
            document = json.loads(await asyncio.to_thread(self._openapi.read_text))
        except FileNotFoundError:
            raise web.HTTPNotFound(text=f"{self._openapi} does not exist") from None
        document["servers"] = [{"url": self._api_url, "description": "This machine"}]
        return web.json_response(document)

    async def _token(self, request: web.Request) -> web.Response:
        # A page of another site can send this request, even by a host name of its own that resolves to here.
        if request.headers.get("origin") not in self._origins:
            raise web.HTTPForbidden(text="Only the console may sign in")
        return web.json_response({"token": await asyncio.to_thread(self._sign_in)})
