"""/openapi.json and /docs: the interface described by itself, without anything from another site."""

import html
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from api.plain_docs import render

ASSETS: Final = Path(__file__).resolve().parent / "assets" / "dist" / "swagger-ui"

router = APIRouter(include_in_schema=False)

START: Final = """\
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#docs",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    validatorUrl: null,
  });
});
"""

PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quanwang REST interface</title>
<link rel="icon" href="/docs/files/favicon-32x32.png">
<link rel="stylesheet" href="/docs/files/swagger-ui.css">
<script src="/docs/files/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<div id="docs"></div>
<noscript><p>This page needs scripts; <a href="/docs/plain">the same without them</a>.</p></noscript>
</body>
</html>
"""

POLICY_OF_SCRIPTED: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The interface sets styles on elements as it draws; scripts come from this site only, none inline."""


def mount(app: FastAPI) -> None:
    """Serve the built documentation interface's files, when they were built."""
    app.mount("/docs/files", StaticFiles(directory=ASSETS, check_dir=False), name="docs-files")


@router.get("/openapi.json")
def openapi_json(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(orjson.dumps(request.app.openapi()), media_type="application/json")


@router.get("/docs")
def docs(request: Request) -> Response:
    """Return the interactive documentation, or the plain one where its files were not built."""
    if not (ASSETS / "swagger-ui-bundle.js").exists():
        return plain_docs(request)
    return HTMLResponse(PAGE, headers={"content-security-policy": POLICY_OF_SCRIPTED})


@router.get("/docs/start.js")
def start_script() -> Response:
    """Return the script that starts the interactive documentation; inline it would need a weaker policy."""
    return Response(START, media_type="text/javascript")


@router.get("/docs/plain")
def plain_docs(request: Request) -> Response:
    """Return the documentation as one page without scripts."""
    document: dict[str, Any] = request.app.openapi()
    page, style_hash = render(document, html.escape)
    policy = f"default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(page, headers={"content-security-policy": policy})
