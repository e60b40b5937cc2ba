"""The tables of docs/quotas.md: the quotas of AWS, and what launches of several sizes need of them."""

from scripts import quotas
from scripts.docs.markdown import markdown_table, replace_section
from scripts.launch_load import (
    ARRIVAL_MINUTES,
    CAPTION_CHARACTERS,
    CAPTION_INTERVAL_S,
    COLD_MS,
    CONNECTION_BYTES,
    DEVIATIONS,
    END_MINUTES,
    HEARTBEATS_PER_HOUR,
    LANGUAGES,
    POST_MS,
    UPDATES_PER_HOUR,
    LaunchLoad,
)
from scripts.project import ROOT
from scripts.quotas import Raise

LOADS = (LaunchLoad(100, 100), LaunchLoad(1_000, 100), LaunchLoad(1_000, 500), LaunchLoad(10_000, 100))


def page() -> str:
    """Return docs/quotas.md with the current tables."""
    text = (ROOT / "docs" / "quotas.md").read_text()
    for name, content in {"needs": _needs(), "assumptions": _assumptions(), "sources": _sources()}.items():
        text = replace_section(text, name, content)
    return text


def _needs() -> str:
    head = ("quota", "default", *(f"{load.sessions:,} x {load.listeners}" for load in LOADS))
    rows = [
        (needs[0].quota.name, _default(needs[0].quota), *map(_cell, needs))
        for needs in zip(*map(quotas.needs, LOADS), strict=True)
    ]
    return markdown_table(head, rows)


def _cell(need: quotas.Need) -> str:
    amount = f"{need.amount:,}"
    marked = {Raise.YES: f"**{amount}**", Raise.IMPOSSIBLE: f"**{amount}** !"}
    return marked.get(need.verdict, amount)


def _default(quota: quotas.Quota) -> str:
    if quota.default is None:
        return "none" if quota.published else "not published"
    return f"{quota.default:,}" + (f" ({quota.new_account} in a new account)" if quota.new_account else "")


def _raisable(quota: quotas.Quota) -> str:
    if not quota.published:
        return "ask AWS"
    return "yes" if quota.raisable and quota.default is not None else "no"


def _assumptions() -> str:
    lines = (
        f"Speakers create their sessions, and listeners join, evenly within {ARRIVAL_MINUTES} minutes.",
        f"The sessions end within {END_MINUTES} minutes.",
        f"The busiest second has the mean of a Poisson distribution and {DEVIATIONS} standard deviations.",
        "A client reads the session before it joins, and a page of captions after that. Everybody gets in.",
        f"Each session has a caption every {CAPTION_INTERVAL_S:g} s, from its start to its end.",
        f"A caption has {CAPTION_CHARACTERS} characters and is translated into {LANGUAGES} languages.",
        f"A caption takes {POST_MS:g} ms of one processor for each connection.",
        f"A lane of translate_captions sends during at most {quotas.SENDING_SHARE:.0%} of the time.",
        f"A connection sends {HEARTBEATS_PER_HOUR} heartbeats an hour.",
        f"A session is updated {UPDATES_PER_HOUR} times an hour, with a message to each connection.",
        f"The row of a connection has {CONNECTION_BYTES} bytes.",
        f"In the busiest second each request meets a cold start, which takes {COLD_MS} ms longer.",
    )
    return "\n".join(f"- {line}" for line in lines)


def _sources() -> str:
    rows = [
        (
            need.quota.name,
            _raisable(need.quota),
            f"`{need.quota.code}`" if need.quota.code else "",
            f"<{need.quota.source}>",
        )
        for need in quotas.needs(LOADS[0])
    ]
    return markdown_table(("quota", "can be raised", "service and code", "source"), rows, left=4)
