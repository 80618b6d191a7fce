"""Reads and writes the versioned rows."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Row, func, select

from kit.db import Session, insert_if_absent
from marketplace.settings.tables import setting
from marketplace.settings.versions import SettingVersion


def newest_of(session: Session, names: Sequence[str]) -> dict[str, SettingVersion]:
    """Return the version in force of each name that was ever set."""
    newest = (
        select(setting.c.name, func.max(setting.c.version).label("version"))
        .where(setting.c.name.in_(names))
        .group_by(setting.c.name)
        .subquery()
    )
    rows = session.execute(
        select(setting).join(
            newest,
            (setting.c.name == newest.c.name) & (setting.c.version == newest.c.version),
        )
    )
    return {row.name: _version(row) for row in rows}


def history_of(session: Session, name: str, limit: int) -> list[SettingVersion]:
    """Return the newest versions of one name, newest first."""
    rows = session.execute(
        select(setting).where(setting.c.name == name).order_by(setting.c.version.desc()).limit(limit)
    )
    return [_version(row) for row in rows]


def append(session: Session, version: SettingVersion) -> bool:
    """Add a version; False when somebody else has just added the same one."""
    row = {
        "name": version.name,
        "version": version.version,
        "value": orjson.dumps(version.value).decode(),
        "set_by": version.set_by,
        "reason": version.reason,
        "set_at_ms": version.set_at_ms,
    }
    return insert_if_absent(session, setting, [row]) == 1


def _version(row: Row[Any]) -> SettingVersion:
    return SettingVersion(
        row.name,
        row.version,
        orjson.loads(row.value),
        row.set_by,
        row.reason,
        row.set_at_ms,
    )
