"""Signing in with an API key, and out again."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from api.pages.protection import check_origin, is_secure, local_path, protect
from api.pages.site import SESSION_COOKIE, Site
from kit.errors import Forbidden, NotFound, QuanwangError, Unauthenticated
from marketplace.access import Caller, authenticate, create_session, end_session, require
from marketplace.users import find_user_id, identities_of

HOME = {"admin": "/admin/dispatches", "inbox": "/me/inbox"}
WITHIN = {"admin": "/admin/", "inbox": "/me/"}
"""Where a session of each kind may lead."""
MAX_KEY_CHARACTERS = 200
MAX_USER_ID_CHARACTERS = 128


class NoSuchUser(NotFound):
    """The key's owner has no user with this id."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"There is no user {user_id[:40]!r} of this key's owner; check the id.")


class SignInPages:
    """The form, and what it does. A session keeps the key's scopes: revoking the key ends it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def router(self) -> APIRouter:
        """Return the routes of signing in and out."""
        router = self._site.router()
        router.add_api_route("/sign-in", self.form, methods=["GET"])
        router.add_api_route("/sign-in", self.sign_in, methods=["POST"])
        router.add_api_route("/sign-out", self.sign_out, methods=["POST"])
        return router

    def form(self, request: Request, kind: str = "admin", then: str = "") -> Response:
        """Show the form."""
        self._site.find_session(request)
        return self._form(request, kind, then, "", None)

    def sign_in(
        self,
        request: Request,
        api_key: Annotated[str, Form(max_length=MAX_KEY_CHARACTERS)] = "",
        kind: Annotated[str, Form(max_length=10)] = "admin",
        user_id: Annotated[str, Form(max_length=MAX_USER_ID_CHARACTERS)] = "",
        then: Annotated[str, Form(max_length=2_000)] = "",
    ) -> Response:
        """Open a session and go on to the page that was wanted."""
        check_origin(request)
        services, now_ms = self._site.services, self._site.services.clock()
        try:
            with services.database.read() as session:
                caller = authenticate(session, api_key.strip(), now_ms=now_ms)
            user = self._user(caller, user_id.strip()) if kind == "inbox" else None
            require(caller, "inbox:read" if kind == "inbox" else "dispatches:read")
        except (Unauthenticated, Forbidden, NotFound) as error:
            return self._form(request, kind, then, user_id, error)
        issued = services.database.run(
            lambda session: create_session(session, services.ids, key_id=caller.key_id, user_id=user, now_ms=now_ms)
        )
        kind = kind if kind in HOME else "admin"
        wanted = local_path(then, HOME[kind])
        response = self._site.renderer.go(request, wanted if wanted.startswith(WITHIN[kind]) else HOME[kind])
        response.set_cookie(
            SESSION_COOKIE,
            issued.secret,
            max_age=(issued.expires_at_ms - now_ms) // 1000,
            httponly=True,
            samesite="lax",
            secure=is_secure(request),
        )
        return response

    def sign_out(self, request: Request, csrf_token: Annotated[str, Form(max_length=200)] = "") -> Response:
        """Close the session; without one there is nothing to do."""
        session = self._site.find_session(request)
        if session is not None:
            self._site.check_form(request, session, csrf_token)
            secret = request.cookies[SESSION_COOKIE]
            self._site.services.database.run_idempotent(lambda opened: end_session(opened, secret))
        response = self._site.renderer.go(request, "/sign-in")
        response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")
        return response

    def _user(self, caller: Caller, external_id: str) -> int:
        """Return the user whose inbox is opened: one of the key's owner; an admin may name any user's number too."""
        with self._site.services.database.read() as session:
            found = find_user_id(session, caller.owner, external_id) if external_id else None
            if found is None and caller.is_admin and external_id.isdecimal():
                found = next(iter(identities_of(session, [int(external_id)])), None)
        if found is None:
            raise NoSuchUser(external_id)
        return found

    def _form(self, request: Request, kind: str, next_path: str, user_id: str, error: QuanwangError | None) -> Response:
        failure = None
        if isinstance(error, Unauthenticated):
            failure = "key"
        elif isinstance(error, Forbidden):
            failure = "scope"
        elif isinstance(error, NotFound):
            failure = "user"
        values = {
            "kind": kind if kind in HOME else "admin",
            "then": local_path(next_path, ""),
            "user_id": user_id,
            "failure": failure,
        }
        response = self._site.renderer.page(request, "sign_in.html", values, status=200 if error is None else 401)
        return protect(response)
