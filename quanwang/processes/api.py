"""``quanwang api``: REST and pages over uvicorn. Never imports Ray."""

import socket
from functools import partial
from typing import Final

import uvicorn

from api import Services, create_app
from engine.socket import SocketMatchService
from kit.clock import now_ms
from kit.config import Settings
from kit.encryption import SecretBox
from kit.ids import IdAllocator
from kit.logging import configure_logging, logger_of
from kit.redis import RedisWakeStream, connect
from kit.work import Wake
from marketplace import dispatch
from marketplace.access import KeyRing
from marketplace.inbox import InboxEvents, InboxStore, catch_up
from marketplace.webhooks import AddressRules
from quanwang.planted_bugs import plant_wanted
from quanwang.processes.channels import channels_of
from quanwang.processes.installation import bind_port, remember_address
from quanwang.processes.storage import open_database, taxonomy_of, warn_of_settings

STOP_WAIT_S: Final = 3
"""How long open requests may end after a stop signal; live streams are cut then and reconnect elsewhere."""

IDLE_CONNECTION_S: Final = 20

log = logger_of(__name__)


def build_services(settings: Settings) -> Services:
    """Return everything that the application stands on; nothing is connected yet."""
    database = open_database(settings)
    client = connect(settings.resolved_redis_url)
    return Services(
        database=database,
        ids=IdAllocator(database),
        taxonomy=taxonomy_of(settings),
        key_ring=KeyRing(database),
        match_service=SocketMatchService(settings.match_address),
        inbox_store=InboxStore(client),
        inbox_events=InboxEvents(settings.resolved_redis_url, partial(catch_up, database, dispatch)),
        redis=client,
        wake=Wake(RedisWakeStream(client)),
        clock=now_ms,
        secret_box=SecretBox(settings.resolved_encryption_key_file),
        webhook_rules=AddressRules.parse(settings.webhook_networks),
        channels=channels_of(settings),
    )


def serve(settings: Settings) -> int:
    """Serve until a signal comes; returns the exit status. Raises PortTaken."""
    configure_logging("api", settings.log_level)
    plant_wanted(settings)
    listener: socket.socket = bind_port(settings)
    services = build_services(settings)
    app = create_app(services)
    configuration = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_WAIT_S,
        timeout_keep_alive=IDLE_CONNECTION_S,
    )
    host, port = listener.getsockname()[:2]
    log.info("serving", host=host, port=port)
    warn_of_settings(services.database)
    remember_address(settings, settings.http_host, port)
    try:
        uvicorn.Server(configuration).run(sockets=[listener])
    finally:
        listener.close()
        services.database.dispose()
    return 0
