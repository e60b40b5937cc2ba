"""Conflicts of transactions in a local AWS that runs in another process."""

import requests

from scripts.local.aws.transactions import CONFLICTS_PATH


def inject_conflicts(aws_url: str, table: str, count: int) -> None:
    """Let the next `count` writes to items of the table meet a transaction that is in progress."""
    conflicts = {"table": table, "count": count}
    requests.post(aws_url + CONFLICTS_PATH, json=conflicts, timeout=10).raise_for_status()
