"""Count the live sessions by status and language: python -m scripts.operate.sessions ENV [--json].

Query the index byStatus, which holds only what is counted; expired rows are not read.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts import command_line, environments
from scripts.local_system import DEFAULT_WORK
from scripts.project import ROOT

INDEX = "byStatus"
LIVE = ("active", "paused")

Counts = Counter[tuple[str, str]]
"""The number of sessions by status and source language."""


def count(client: Any, table: str, now: int) -> Counts:
    """Return the number of live sessions by status and language; `now` in epoch seconds."""
    counts = Counts()
    for status in LIVE:
        pages = client.get_paginator("query").paginate(
            TableName=table,
            IndexName=INDEX,
            KeyConditionExpression="#status = :status AND expiresAt > :now",
            ProjectionExpression="sourceLanguage",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}, ":now": {"N": str(now)}},
        )
        counts.update((status, row["sourceLanguage"]["S"]) for page in pages for row in page["Items"])
    return counts


def to_table(counts: Counts) -> str:
    """Return the counts as text: one row per language, the largest first, then the totals."""
    by_language = Counter[str]()
    for (_, language), sessions in counts.items():
        by_language[language] += sessions
    rows: list[tuple[str, ...]] = [("language", *LIVE, "all")]
    for language, sessions in by_language.most_common():
        rows.append((language, *(str(counts[status, language]) for status in LIVE), str(sessions)))
    totals = [sum(counts[status, language] for language in by_language) for status in LIVE]
    rows.append(("all", *map(str, totals), str(counts.total())))
    return "\n".join(f"{row[0]:10}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows)


def to_json(counts: Counts) -> str:
    """Return the counts as a JSON object: {status: {language: number}}."""
    by_status: dict[str, dict[str, int]] = {status: {} for status in LIVE}
    for (status, language), sessions in counts.items():
        by_status[status][language] = sessions
    return json.dumps(by_status)


def main(
    arguments: Sequence[str] | None = None,
    project: Path = ROOT,
    work: Path = DEFAULT_WORK,
) -> int:
    """Print the counts and return the exit code of scripts.command_line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.sessions", description=__doc__)
    parser.add_argument("environment", help=environments.ARGUMENT_HELP)
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of a table")
    options = parser.parse_args(arguments)

    def print_counts() -> None:
        environment = environments.find(options.environment, project, work)
        table = f"{environment.prefix}-sessions"
        counts = count(environment.client("dynamodb"), table, int(time.time()))
        print(to_json(counts) if options.json else to_table(counts))

    return command_line.run(print_counts)


if __name__ == "__main__":
    sys.exit(main())
