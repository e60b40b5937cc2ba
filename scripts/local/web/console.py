"""The console: the API's own description, rendered by Swagger UI, with a speaker to try it as.

It is served from an origin of its own, so that a browser asks the API for CORS as it would ask the real one.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import swagger_ui
from aiohttp import web

from scripts.project import ROOT

OPENAPI = ROOT / "docs" / "openapi.json"
_PAGES = Path(__file__).parent
_SWAGGER_UI = Path(swagger_ui.__file__).parent / "static"


class Console:
    """Serves the console for the API at `api_url`; `sign_in` returns a token of the demo speaker."""

    def __init__(self, api_url: str, sign_in: Callable[[], str], openapi: Path = OPENAPI) -> None:
        self._api_url = api_url
        self._sign_in = sign_in
        self._openapi = openapi
        self._origins: set[str] = set()
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> int:
        """Listen, and return the port."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/", self._page)
        app.router.add_get("/openapi.json", self._description)
        app.router.add_post("/token", self._token)
        app.router.add_static("/pages", _PAGES)
        app.router.add_static("/swagger-ui", _SWAGGER_UI)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        listening: int = self._runner.addresses[0][1]
        self._origins = {f"http://{name}:{listening}" for name in ("127.0.0.1", "localhost")}
        return listening

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], object]
    ) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)  # type: ignore[misc]
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
            f"connect-src 'self' {self._api_url}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGES / "index.html")

    async def _description(self, _: web.Request) -> web.Response:
        try:
            described = json.loads(await asyncio.to_thread(self._openapi.read_text))
        except FileNotFoundError:
            raise web.HTTPNotFound(text=f"There is no {self._openapi}") from None
        described["servers"] = [{"url": self._api_url, "description": "This machine"}]
        return web.json_response(described)

    async def _token(self, request: web.Request) -> web.Response:
        # Another site's page may send this request, even under a name of its own that leads here.
        if request.headers.get("origin") not in self._origins:
            raise web.HTTPForbidden(text="Only the console itself may sign in")
        return web.json_response({"token": await asyncio.to_thread(self._sign_in)})
