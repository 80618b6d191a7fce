"""What keeps a page its reader's own: response headers, and proof that a form was sent by our own page."""

import hmac
from urllib.parse import urlsplit

from fastapi import Request, Response

from kit.errors import Forbidden

CSRF_FIELD = "csrf_token"
CSRF_HEADER = "x-csrf-token"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class ForeignForm(Forbidden):
    """A form that did not come from our own page, or from a page that has grown too old."""

    def __init__(self) -> None:
        super().__init__("This form was not sent from a current page of this site; reload the page and try again.")


def protect(response: Response) -> Response:
    """Add the headers that every page carries."""
    headers = response.headers
    headers["content-security-policy"] = CONTENT_SECURITY_POLICY
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "same-origin"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers["permissions-policy"] = "camera=(), microphone=(), geolocation=()"
    headers.setdefault("cache-control", "no-store")
    return response


def check_origin(request: Request) -> None:
    """Refuse a form that another site sent: browsers name the origin of every POST."""
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise ForeignForm
        return
    # A proxy may end TLS before us, so the scheme may differ; the host may not.
    if urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        raise ForeignForm


def check_token(expected: str, given: str | None) -> None:
    """Refuse a form whose token is not the session's."""
    if not given or not hmac.compare_digest(expected.encode(), given.encode()):
        raise ForeignForm


def is_secure(request: Request) -> bool:
    """Whether the reader's connection is encrypted, so that the cookie may be bound to that."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").split(",")[0] == "https"


def local_path(path: str | None, otherwise: str) -> str:
    """Return a path of this site to go on to; anything that could lead elsewhere becomes ``otherwise``."""
    if path and path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path and path.isprintable():
        return path
    return otherwise
