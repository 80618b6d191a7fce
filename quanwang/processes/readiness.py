"""Whether the parts of an installation answer."""

import http.client

from kit.config import Settings
from kit.redis import RedisUnavailable, connect

HTTP_TIMEOUT_S = 2.0


def redis_answers(settings: Settings) -> bool:
    """Whether Redis answers a ping."""
    client = connect(settings.resolved_redis_url, attempts=1)
    try:
        client.ping()
    except RedisUnavailable:
        return False
    finally:
        client.close()
    return True


def http_answers(settings: Settings, path: str = "/livez") -> bool:
    """Whether the web process of the settings answers 200 at ``path``."""
    return answers_at(settings.http_host, settings.http_port, path)


def answers_at(listens_on: str, port: int, path: str = "/livez") -> bool:
    """Whether a web process that listens there answers 200 at ``path``."""
    host = "127.0.0.1" if listens_on in ("0.0.0.0", "") else listens_on  # noqa: S104  # compared only
    connection = http.client.HTTPConnection(host, port, timeout=HTTP_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
