"""Version 1 of the REST interface; every route needs an API key with the scope that api/permissions.py declares."""

from fastapi import APIRouter, Depends

from api.callers import authorized
from api.v1 import (
    acceptances,
    channels,
    diagnostics,
    dispatches,
    fairness,
    inbox,
    operations,
    policies,
    preview,
    profiles,
    replay,
    webhooks,
)

FEATURES = (
    profiles,
    preview,
    dispatches,
    acceptances,
    policies,
    diagnostics,
    replay,
    inbox,
    fairness,
    channels,
    webhooks,
    operations,
)

router = APIRouter(dependencies=[Depends(authorized)])
for _feature in FEATURES:
    router.include_router(_feature.router)
