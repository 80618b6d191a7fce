"""Which scope each route needs: the one place, and a route that is not here is refused."""

from collections.abc import Mapping
from typing import Final

from kit.errors import Forbidden

PUBLIC: Final = "public"
"""Answered to everybody who can reach the port: health, measures and documentation hold nobody's content."""

ROUTES: Final[Mapping[tuple[str, str], str]] = {
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/docs/start.js"): PUBLIC,
    ("GET", "/docs/plain"): PUBLIC,
    ("PUT", "/v1/profiles/{id}"): "profiles:write",
    ("DELETE", "/v1/profiles/{id}"): "profiles:write",
    ("POST", "/v1/profiles:import"): "profiles:write",
    ("GET", "/v1/profiles/{id}"): "profiles:read",
    ("GET", "/v1/profiles"): "profiles:read",
    ("POST", "/v1/dispatches"): "dispatches:write",
    ("POST", "/v1/dispatches:preview"): "dispatches:read",
    ("GET", "/v1/dispatches"): "dispatches:read",
    ("GET", "/v1/dispatches/{dispatch_id}"): "dispatches:read",
    ("POST", "/v1/dispatches/{dispatch_id}/revision"): "dispatches:write",
    ("GET", "/v1/dispatches/{dispatch_id}/suppressions"): "dispatches:read",
    ("GET", "/v1/dispatches/{dispatch_id}/waves"): "dispatches:read",
    ("GET", "/v1/dispatches/{dispatch_id}/offers"): "dispatches:read",
    ("GET", "/v1/dispatches/{dispatch_id}/explain"): "dispatches:read",
    ("GET", "/v1/dispatches/{dispatch_id}/funnel"): "dispatches:read",
    ("GET", "/v1/dispatches/{dispatch_id}/timeline"): "dispatches:read",
    ("GET", "/v1/dispatches/{dispatch_id}/replay"): "dispatches:read",
    ("POST", "/v1/dispatches/{dispatch_id}/selection"): "dispatches:write",
    ("POST", "/v1/dispatches/{dispatch_id}/confirmation"): "dispatches:write",
    ("POST", "/v1/dispatches/{dispatch_id}/failure"): "dispatches:write",
    ("POST", "/v1/dispatches/{dispatch_id}/cancellation"): "dispatches:write",
    ("POST", "/v1/dispatches/{dispatch_id}/acceptances"): "acceptances:write",
    ("DELETE", "/v1/dispatches/{dispatch_id}/acceptances/{id}"): "acceptances:write",
    ("POST", "/v1/dispatches/{dispatch_id}/declines"): "acceptances:write",
    ("GET", "/v1/policies"): "dispatches:read",
    ("GET", "/v1/policies/{name}"): "dispatches:read",
    ("GET", "/v1/policies/{name}/versions"): "dispatches:read",
    ("POST", "/v1/policies"): "admin",
    ("GET", "/v1/users/{id}/fairness"): "inbox:read",
    ("GET", "/v1/fairness"): "admin",
    ("GET", "/v1/users/{id}/inbox"): "inbox:read",
    ("POST", "/v1/users/{id}/inbox/reads"): "inbox:read",
    ("GET", "/v1/users/{id}/inbox/stream"): "inbox:read",
    ("GET", "/v1/users/{id}/channels"): "profiles:read",
    ("PUT", "/v1/users/{id}/channels/{channel}"): "profiles:write",
    ("DELETE", "/v1/users/{id}/channels/{channel}"): "profiles:write",
    ("POST", "/v1/webhooks"): "webhooks:write",
    ("GET", "/v1/webhooks"): "webhooks:read",
    ("GET", "/v1/webhooks/{webhook_id}"): "webhooks:read",
    ("PATCH", "/v1/webhooks/{webhook_id}"): "webhooks:write",
    ("DELETE", "/v1/webhooks/{webhook_id}"): "webhooks:write",
    ("POST", "/v1/webhooks/{webhook_id}/rotation"): "webhooks:write",
    ("POST", "/v1/webhooks/{webhook_id}/test"): "webhooks:write",
    ("POST", "/v1/webhooks/{webhook_id}/resend"): "webhooks:write",
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): "webhooks:read",
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend"): "webhooks:write",
    ("GET", "/v1/operations/dead-letters"): "admin",
    ("GET", "/v1/operations/dead-letters/decisions"): "admin",
    ("POST", "/v1/operations/dead-letters/{letter_id}/retry"): "admin",
    ("POST", "/v1/operations/dead-letters/{letter_id}/dismissal"): "admin",
    ("GET", "/v1/operations/queues"): "admin",
    ("GET", "/v1/operations/shards"): "admin",
    ("GET", "/v1/operations/switches"): "admin",
    ("PUT", "/v1/operations/switches/{switch}"): "admin",
}
"""(method, path template) to scope."""


class UndeclaredRoute(Forbidden):
    """A route that declares no scope answers nobody."""


def scope_of(method: str, path: str) -> str:
    """Return the scope that a route needs. Raises UndeclaredRoute."""
    scope = ROUTES.get(("GET" if method == "HEAD" else method, path))
    if scope is None:
        raise UndeclaredRoute(
            f"{method} {path} declares no scope, so nobody may use it; this is a fault of the server."
        )
    return scope
