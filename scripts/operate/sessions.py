"""Count the sessions that live now, by status and language: python -m scripts.operate.sessions ENV [--json].

Asks the index `byStatus`, which holds nothing but what is counted; rows that have expired are never read.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts import environments, local_system
from scripts.errors import Refused

INDEX = "byStatus"
LIVE = ("active", "paused")


def count(client: Any, table: str, now: int) -> Counter[tuple[str, str]]:
    """Return how many sessions have a status and a language; `now` in epoch seconds."""
    found: Counter[tuple[str, str]] = Counter()
    for status in LIVE:
        pages = client.get_paginator("query").paginate(
            TableName=table,
            IndexName=INDEX,
            KeyConditionExpression="#status = :status AND expiresAt > :now",
            ProjectionExpression="sourceLanguage",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}, ":now": {"N": str(now)}},
        )
        found.update((status, row["sourceLanguage"]["S"]) for page in pages for row in page["Items"])
    return found


def table(found: Counter[tuple[str, str]]) -> str:
    """Return the counts as people read them: a row for each language, the most first, and the sums."""
    languages = Counter[str]()
    for (_, language), sessions in found.items():
        languages[language] += sessions
    rows: list[tuple[str, ...]] = [("language", *LIVE, "all")]
    for language, sessions in languages.most_common():
        rows.append((language, *(str(found[status, language]) for status in LIVE), str(sessions)))
    sums = [sum(found[status, language] for language in languages) for status in LIVE]
    rows.append(("all", *map(str, sums), str(found.total())))
    return "\n".join(f"{row[0]:10}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows)


def main(
    arguments: Sequence[str] | None = None,
    project: Path = environments.PROJECT,
    work: Path = local_system.DEFAULT_WORK,
) -> int:
    """Print the counts; 2 with the reason on standard error when they cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.sessions", description=__doc__)
    parser.add_argument("environment", help="dev, staging, prod, or local while make run runs")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    chosen = parser.parse_args(arguments)
    try:
        environment = environments.find(chosen.environment, project, work)
        found = count(environment.client("dynamodb"), f"{environment.prefix}-sessions", int(time.time()))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except (ClientError, BotoCoreError) as problem:
        print(f"The sessions of {chosen.environment} cannot be counted: {problem}", file=sys.stderr)
        return 2
    if chosen.json:
        told: dict[str, dict[str, int]] = {status: {} for status in LIVE}
        for (status, language), sessions in found.items():
            told[status][language] = sessions
        print(json.dumps(told))
    else:
        print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
