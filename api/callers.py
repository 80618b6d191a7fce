"""Who asks: the API key of a request, the scope that its route needs, and the parameters that it may have."""

from collections import Counter
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from api.permissions import scope_of
from api.services import Services
from kit.errors import InvalidInput, Unauthenticated
from marketplace.access import Caller, require

MAX_SECRET_CHARACTERS: Final = 200


class NoApiKey(Unauthenticated):
    """The request names no API key."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}; send the header 'Authorization: Bearer qw_...' with your API key.")


bearer = HTTPBearer(
    auto_error=False,
    scheme_name="apiKey",
    description="An API key as `quanwang api-key create` shows it once: `qw_<id>_<43 characters>`.",
)


def services_of(request: Request) -> Services:
    """Return what the process stands on."""
    services: Services = request.app.state.services
    return services


async def _services(request: Request) -> Services:
    # Asynchronous, for a plain function would be called in a thread of its own.
    return services_of(request)


async def authorized(request: Request, _documented: Annotated[object, Depends(bearer)]) -> Caller:
    """Return the caller of a route under /v1, who holds the scope that the route declares.

    Raises NoApiKey, WrongApiKey, MissingScope, InvalidInput for parameters that the route does not know.
    """
    services = services_of(request)
    route = request.scope["route"]
    secret, now_ms = _secret(request), services.clock()
    # A thread is needed only where the database is asked; to change over costs more than all the rest of this.
    caller = services.key_ring.recognise(secret, now_ms=now_ms)
    if caller is None:
        caller = await run_in_threadpool(services.key_ring.authenticate, secret, now_ms=now_ms)
    require(caller, scope_of(request.method, route.path))
    _check_parameters(request, route)
    return caller


CallerOf = Annotated[Caller, Depends(authorized)]
ServicesOf = Annotated[Services, Depends(_services)]


def owner_seen_by(caller: Caller) -> str | None:
    """Return whose dispatches the caller sees: an admin's key sees everybody's (None), others their owner's."""
    return None if caller.is_admin else caller.owner


def actor_of(caller: Caller) -> str:
    """Return how timelines and logs name who did something by a key."""
    return f"{caller.owner} (key {caller.key_id})"


def _secret(request: Request) -> str:
    given = request.headers.getlist("authorization")
    if not given:
        raise NoApiKey("This request carries no API key")
    if len(given) > 1:
        raise NoApiKey("This request carries two Authorization headers")
    scheme, _, secret = given[0].partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NoApiKey("The Authorization header is of another kind")
    if len(secret) > MAX_SECRET_CHARACTERS or not secret.isascii():
        raise NoApiKey("The Authorization header holds no API key of ours")
    return secret.strip()


def _check_parameters(request: Request, route: APIRoute) -> None:
    given = request.query_params
    if not given:
        return
    known = _query_names(route.dependant)
    counted = Counter(name for name, _ in given.multi_items())
    for name, times in counted.items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise InvalidInput(
                name, given[name], f"is no parameter of this route; known are: {listed}", show_value=False
            )
        if times > 1:
            raise InvalidInput(name, times, f"is given {times} times; give it once", show_value=False)


def _query_names(dependant: Dependant) -> set[str]:
    names = {parameter.alias for parameter in dependant.query_params}
    return names.union(*(_query_names(each) for each in dependant.dependencies))
