"""The settings of each function, by the names that terraform/functions.tf gives them."""

import re

from scripts.project import ROOT

RUNTIME = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
}
"""What Lambda itself sets."""


def environment(function: str) -> dict[str, str]:
    """Return RUNTIME and the function's own settings: `https://example.com` for an endpoint, 3 for others."""
    declared = (ROOT / "terraform" / "functions.tf").read_text()
    entry = re.search(rf"^    {function} = {{\n(.*?)^    }}$", declared, re.MULTILINE | re.DOTALL)
    assert entry, f"functions.tf has no {function}"
    names = re.findall(r"^ {8}([A-Z_]+) += ", entry[1], re.MULTILINE)
    return RUNTIME | {name: "https://example.com" if name.endswith("_ENDPOINT") else "3" for name in names}
