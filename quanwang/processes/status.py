"""What runs in a data folder, for ``quanwang status``."""

from engine.socket import SocketMatchService
from kit.config import Settings
from kit.errors import QuanwangError
from quanwang.processes.installation import running_owner
from quanwang.processes.readiness import http_answers, redis_answers
from quanwang.processes.storage import open_database


def read_status(settings: Settings) -> dict[str, object]:
    """Return a flat document; ``ready`` says whether orders can be accepted, matched and delivered."""
    owner = running_owner(settings)
    database_ok, database_says = _database(settings)
    redis_ok = redis_answers(settings)
    matching_ok, matching_says = _matching(settings)
    web_ok = http_answers(settings)
    return {
        "ready": database_ok and redis_ok and matching_ok and web_ok,
        "data folder": str(settings.data_dir.absolute()),
        "quanwang up": f"process {owner}" if owner else "not running",
        "database": database_says,
        "redis": "answers" if redis_ok else "does not answer; inboxes are read from the database meanwhile",
        "matching": matching_says,
        "web": f"http://{settings.http_host}:{settings.http_port}" if web_ok else "does not answer",
    }


def _database(settings: Settings) -> tuple[bool, str]:
    database = open_database(settings)
    try:
        database.ping()
    except QuanwangError as error:
        return False, error.sentence
    finally:
        database.dispose()
    return True, f"answers ({database.where})"


def _matching(settings: Settings) -> tuple[bool, str]:
    service = SocketMatchService(settings.match_address)
    try:
        health = service.health()
    except QuanwangError as error:
        return False, error.sentence
    finally:
        service.close()
    shown = ", ".join(f"{name} {value}" for name, value in health.items() if name != "ready")
    return bool(health["ready"]), shown
