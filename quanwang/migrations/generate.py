"""Write the next revision from the difference between the tables in the code and the newest revision.

For developers: ``python -m quanwang.migrations.generate 0002 "what it changes and why"``; read what it wrote, set HEAD.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

from kit.db import Database
from quanwang.migrations.migrate import FOLDER
from quanwang.migrations.tables import metadata


def generate(revision: str, message: str) -> None:
    """Write ``versions/<revision>_....py``; compared with the newest schema in a temporary SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'empty.sqlite3'}")
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.set_main_option("path_separator", "os")
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        config.attributes["metadata"] = metadata
        with database.transaction() as session:
            config.attributes["connection"] = session
            command.upgrade(config, "head")
            command.revision(config, message, autogenerate=True, rev_id=revision)
        database.dispose()


if __name__ == "__main__":
    generate(sys.argv[1], sys.argv[2])
