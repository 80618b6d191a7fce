"""/livez: the process runs. /readyz: it can accept orders; what else is away is said beside that."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.checks import PartChecks, PartState
from api.once import answer
from api.problems import outside

router = APIRouter(tags=["operation"])


class Alive(BaseModel):
    """The process runs and answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """What this process can do now. Accepting orders needs the database only."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ready",
                    "database": "ok",
                    "redis": "ok",
                    "matching": "matching paused: the dispatcher does not answer; orders are kept meanwhile",
                    "warnings": ["sync_binlog is not 1: a power cut can lose orders that a standby needs"],
                }
            ]
        }
    )

    status: Literal["ready", "not ready"]
    database: str = Field(description='"ok", or a sentence that says what is wrong. Without it nothing is accepted.')
    redis: str = Field(description='"ok", or why inboxes are read from the database meanwhile.')
    matching: str = Field(description='"ok", or "matching paused: ..."; accepted orders are kept and go out later.')
    warnings: list[str] = Field(
        default_factory=list,
        description="What works now and would lose acknowledged orders if one more thing broke, such as a disk.",
    )


@router.get("/livez", response_model=Alive, summary="The process runs")
async def livez() -> Response:
    """Answer 200 as long as the process can answer at all; asks nothing of anybody."""
    # Not in the thread pool: while a database hangs, its threads may all be waiting, and this one must not.
    return answer(Alive())


@router.get(
    "/readyz",
    response_model=Readiness,
    summary="Orders can be accepted",
    responses={503: {"model": Readiness, "description": "The database does not answer, or its disk is full."}},
)
async def readyz(request: Request) -> Response:
    """Answer 200 when orders can be accepted (the database answers and has room), else 503.

    Redis and matching stand beside it.
    """
    checks: PartChecks = request.app.state.checks
    states = await checks.states_soon()
    ready = states["database"].up
    found = Readiness(
        status="ready" if ready else "not ready",
        database=_text(request, states["database"]),
        redis=_text(request, states["redis"]),
        matching="ok" if states["matching"].up else _paused(states["matching"].detail),
        warnings=list(states["database"].warnings),
    )
    response = answer(found, 200 if ready else 503)
    if not ready:
        response.headers["retry-after"] = "5"
    return response


def _text(request: Request, state: PartState) -> str:
    return "ok" if state.up else outside(request, state.detail)


def _paused(detail: str) -> str:
    """Say that matching is paused, once."""
    return f"matching paused: {detail.removeprefix('matching is paused: ')}"
