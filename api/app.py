"""Builds the application: middleware, routes, problem documents, pages."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any, Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api import docs, health, metrics, problems
from api.body_limit import BodyLimit
from api.checks import PartChecks
from api.envelope import Envelope
from api.match_slots import MatchSlots
from api.openapi import describe
from api.preview_budget import PreviewBudget
from api.readable_address import ReadableAddress
from api.services import Limits, Services
from api.v1 import router as v1_router
from api.v1.import_stream import ImportSlots
from kit.errors import Unavailable
from kit.logging import logger_of

log = logger_of(__name__)

TITLE: Final = "Quanwang"
VERSION: Final = "0.1.0"
LAST_USED_EVERY_S: Final = 30.0


def create_app(services: Services, *, pages: bool = True) -> FastAPI:
    """Return the application over ``services``; ``pages`` adds the server-rendered pages and their assets.

    Every route is a ``def`` in the thread pool, but the live inbox stream. The application starts and stops
    ``services.inbox_events``; everything else in ``services`` belongs to the caller.
    """
    app = _application(services.limits)
    app.state.services = services
    checks = PartChecks(services)
    app.state.checks = checks
    app.state.metrics = metrics.Metrics(services, checks)
    app.state.import_slots = ImportSlots(services.limits.imports_at_once)
    app.state.match_slots = MatchSlots(services.limits.match_calls_at_once)
    app.state.preview_budget = PreviewBudget(services.redis, services.limits.previews_a_minute)
    app.router.lifespan_context = lambda _: _lifespan(services, checks)
    docs.mount(app)
    if pages:
        import_module("api.pages").mount_pages(app, services)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the REST interface, as /openapi.json serves it; needs no services."""
    return _application(Limits()).openapi()


def openapi_text() -> str:
    """Return the text of the committed openapi.json."""
    return json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n"


def _application(limits: Limits) -> FastAPI:
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # Two media types of one answer would be a lie: every error is a problem document.
        separate_input_output_schemas=False,
    )
    app.include_router(v1_router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(docs.router)
    problems.install(app)
    # The last one added is the outermost.
    app.add_middleware(ReadableAddress)
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(Envelope)
    describe(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(services: Services, checks: PartChecks) -> AsyncIterator[None]:
    await services.inbox_events.start()
    flusher = asyncio.create_task(_flush_last_used(services))
    try:
        yield
    finally:
        flusher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await flusher
        await services.inbox_events.stop()
        checks.stop()
        await run_in_threadpool(_flush, services)


async def _flush_last_used(services: Services) -> None:
    while True:
        await asyncio.sleep(LAST_USED_EVERY_S)
        await run_in_threadpool(_flush, services)


def _flush(services: Services) -> None:
    try:
        services.key_ring.flush_last_used()
    except Unavailable as error:
        # When a key was last used is a courtesy; the next flush writes it.
        log.warning("the last use of API keys was not written", reason=error.sentence)
