"""Athena's definitions of tables, made into Trino's: the same columns, places and projected partitions, so that what is tried is what Athena is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trino_client import CATALOG

COLUMN = re.compile(r"^  `(?P<name>\w+)` (?P<type>.+?) COMMENT '", re.MULTILINE)
PROPERTY = re.compile(r"^  '(?P<name>[^']+)' = '(?P<value>[^']*)'", re.MULTILINE)
SIMPLE = {"string": "varchar", "bigint": "bigint", "int": "integer", "boolean": "boolean", "double": "double", "timestamp": "timestamp(3)"}


@dataclass(frozen=True)
class Table:
    """A table as Athena is told of it."""

    name: str
    columns: Mapping[str, str]
    partitions: Mapping[str, str]
    location: str
    properties: Mapping[str, str]

    @classmethod
    def read(cls, file: Path, **values: str) -> Table:
        """The definition in a file, with its placeholders filled in."""
        text = file.read_text()
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        columns, partitions = re.split(r"^PARTITIONED BY", text, maxsplit=1, flags=re.MULTILINE)
        # The only partition column stands on the line of the clause.
        partitions = re.sub(r"^ \(`", "\n  `", partitions)
        named = re.search(r"EXTERNAL TABLE IF NOT EXISTS `kms_insights_database`\.`(\w+)`", text)
        location = re.search(r"^LOCATION '([^']*)'", text, re.MULTILINE)
        assert named is not None and location is not None, file
        types = [{match["name"]: match["type"] for match in COLUMN.finditer(part)} for part in (columns, partitions)]
        return cls(named[1], types[0], types[1], location[1], {match["name"]: match["value"] for match in PROPERTY.finditer(partitions)})

    def create(self, columns: str | None = None, file_format: str = "PARQUET", name: str | None = None) -> str:
        """Trino's statement; `columns` stand in place of the table's own, other than partitions."""
        own = columns or ", ".join(f'"{column}" {trino_type(kind)}' for column, kind in self.columns.items())
        partitions = ", ".join(f'"{column}" varchar WITH ({self._projection(column)})' for column in self.partitions)
        options = [
            f"external_location = '{self.location}'",
            f"format = '{file_format}'",
            f"partitioned_by = ARRAY[{', '.join(map(quoted, self.partitions))}]",
            "partition_projection_enabled = true",
            f"partition_projection_location_template = '{self.properties['storage.location.template']}'",
        ]
        return f"CREATE TABLE {name or self.name} ({own}, {partitions}) WITH ({', '.join(options)})"

    def _projection(self, column: str) -> str:
        wanted = {name.removeprefix(f"projection.{column}."): value for name, value in self.properties.items() if name.startswith(f"projection.{column}.")}
        said = {
            "type": quoted,
            "format": quoted,
            "range": array,
            "values": array,
            "interval": str,
            "interval.unit": quoted,
        }
        return ", ".join(f"partition_projection_{name.replace('.', '_')} = {said[name](value)}" for name, value in wanted.items())


def quoted(text: str) -> str:
    return f"'{text}'"


def array(text: str) -> str:
    return f"ARRAY[{', '.join(map(quoted, text.split(',')))}]"


def trino_type(athena: str) -> str:
    """A type as Trino spells it: `array<struct<arn:string>>` is `array(row("arn" varchar))`."""
    kind, rest = _type(athena)
    assert rest == "", athena
    return kind


def _type(text: str) -> tuple[str, str]:
    """The type that a text begins with, and what follows."""
    name = re.match(r"\w+", text)
    assert name is not None, text
    rest = text[name.end() :]
    if name[0] in SIMPLE:
        return SIMPLE[name[0]], rest
    parts: list[str] = []
    while not rest.startswith(">"):
        field = re.match(r"[<,](?:(\w+):)?", rest)
        assert field is not None, text
        kind, rest = _type(rest[field.end() :])
        parts.append(f'"{field[1]}" {kind}' if field[1] else kind)
    kinds = {"array": "array", "map": "map", "struct": "row"}
    return f"{kinds[name[0]]}({', '.join(parts)})", rest[1:]


def schema(name: str) -> str:
    """The statement that makes a schema."""
    return f"CREATE SCHEMA {CATALOG}.{name}"
