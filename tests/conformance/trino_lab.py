"""What the Trino suite works with: a server, and the folder whose files it sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trino_client import Trino
from trino_tables import Table, schema

ATHENA = Path(__file__).resolve().parents[2] / "athena"
# What the SQL for Athena calls the database.
DATABASE = "kms_insights_database"


@dataclass(frozen=True)
class Lab:
    """A Trino server and what it sees."""

    endpoint: str
    files: Path

    def schema(self, name: str) -> Trino:
        """A new schema, in which statements are run."""
        trino = Trino(self.endpoint, name)
        trino.run(schema(name))
        return trino

    def within(self, folder: Path) -> str:
        """What the server calls a folder."""
        return f"local:///{folder.relative_to(self.files)}"

    def create_tables(self, trino: Trino, lake: Path, names: list[str]) -> None:
        """Makes tables of a lake as Athena is told of them."""
        for name in names:
            # An object store has no folders; here one without a file must be there to be read.
            (lake / name).mkdir(parents=True, exist_ok=True)
            trino.run(Table.read(ATHENA / "tables" / f"{name}.sql", lake=self.within(lake)).create())
