"""What runs in a data folder, for ``quanwang status``."""

from collections.abc import Mapping
from typing import Any

from engine.socket import SocketMatchService
from kit.config import Settings
from kit.errors import QuanwangError
from quanwang.processes.installation import known_address, running_owner
from quanwang.processes.readiness import answers_at, redis_answers
from quanwang.processes.storage import open_database


def read_status(settings: Settings) -> dict[str, Any]:
    """Return a JSON object: ``ready`` says whether orders can be accepted, matched and delivered.

    Each part has ``ok`` and ``says``, a sentence or where it answers; matching has its ``shards`` besides, the database
    ``warnings`` about settings under which acknowledged orders could be lost.
    """
    parts = {
        "database": _database(settings),
        "redis": _redis(settings),
        "matching": _matching(settings),
        "web": _web(settings),
    }
    return {
        "ready": all(part["ok"] for part in parts.values()),
        "data_folder": str(settings.data_dir.absolute()),
        "up_process": running_owner(settings),
        **parts,
    }


def _database(settings: Settings) -> dict[str, Any]:
    database = open_database(settings)
    try:
        database.ping()
        database.check_writable()
        warnings = database.durability_warnings()
    except QuanwangError as error:
        return {"ok": False, "says": error.sentence}
    finally:
        database.dispose()
    return {"ok": True, "says": f"answers, {database.where}", "warnings": warnings}


def _redis(settings: Settings) -> dict[str, Any]:
    if redis_answers(settings):
        return {"ok": True, "says": "answers"}
    return {"ok": False, "says": "does not answer; inboxes are read from the database meanwhile"}


def _matching(settings: Settings) -> dict[str, Any]:
    service = SocketMatchService(settings.match_address)
    try:
        health: Mapping[str, Any] = service.health()
    except QuanwangError as error:
        return {"ok": False, "says": error.sentence, "shards": []}
    finally:
        service.close()
    if not health["ready"]:
        says = str(health.get("why") or "the shards are not complete yet; it goes on by itself")
        return {"ok": False, "says": says, "shards": list(health["shards"])}
    shards = list(health["shards"])
    says = f"{health['population']:,} users and {health['vocabulary_words']:,} words, at barrier {health['barrier']:,}"
    return {"ok": True, "says": says, "shards": shards}


def _web(settings: Settings) -> dict[str, Any]:
    host, port = known_address(settings)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if answers_at(host, port):
        return {"ok": True, "says": url}
    return {"ok": False, "says": f"does not answer at {url}"}
