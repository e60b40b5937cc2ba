"""Apertium, a free translation engine: Debian's packages such as apertium-eng-spa are pairs of languages.

Nothing here needs it. Where it is installed, `make run` translates with it instead of marking the text.
https://wiki.apertium.org/wiki/Using_Apertium
"""

import shutil
import subprocess
from collections.abc import Mapping

from scripts.local.aws import programs

# By the code of Amazon Translate: the codes of ISO 639-3 that pairs have today. Older pairs have ISO 639-1.
_CODES: Mapping[str, tuple[str, ...]] = {
    "ar": ("ara",), "ca": ("cat",), "cy": ("cym",), "da": ("dan",), "de": ("deu",), "en": ("eng",),
    "es": ("spa",), "fi": ("fin",), "fr": ("fra",), "hi": ("hin",), "it": ("ita",), "ja": ("jpn",),
    "ko": ("kor",), "nl": ("nld",), "no": ("nob", "nor"), "pl": ("pol",), "pt": ("por",), "ru": ("rus",),
    "sv": ("swe",), "tr": ("tur",), "uk": ("ukr",), "ur": ("urd",), "zh": ("zho",),
}  # fmt: skip


class Apertium:
    """The installed pairs: `directions` are their names, such as `eng-spa`."""

    def __init__(self, directions: frozenset[str] = frozenset()) -> None:
        self.directions = directions

    async def translate(self, text: str, source: str, target: str) -> str | None:
        """Return the translation; None if no pair translates so, or it fails.

        It needs about 0.15 s, and for unknown words it returns them as they are.
        """
        direction = self._direction(source, target)
        if direction is None:
            return None
        output = await programs.run("apertium", "-u", direction, text=text)
        return output.decode(errors="replace").strip() or None if output is not None else None

    def _direction(self, source: str, target: str) -> str | None:
        names = (
            f"{first}-{second}"
            for first in (*_CODES.get(source, ()), source)
            for second in (*_CODES.get(target, ()), target)
        )
        return next((name for name in names if name in self.directions), None)


def find() -> Apertium:
    """Return the installed Apertium, which has no pairs when it is not installed."""
    if shutil.which("apertium") is None:
        return Apertium()
    listed = subprocess.run(
        ["apertium", "-l"], capture_output=True, text=True, check=False, timeout=programs.TIMEOUT_SECONDS
    )
    return Apertium(frozenset(listed.stdout.split()))
