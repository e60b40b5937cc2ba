"""espeak-ng, a free speech synthesizer, and LAME, which makes MP3 of its voice. Debian has packages of both.

Nothing here needs them. Where both are installed, `make run` speaks with them instead of sending silence.
"""

import shutil
from collections.abc import Mapping

from scripts.local.aws import programs

# By Amazon Polly's code, where espeak-ng's is not simply the first part of it.
_VOICES: Mapping[str, str] = {"arb": "ar", "cmn-CN": "cmn", "en-US": "en-us", "pt-BR": "pt-br"}


class Espeak:
    """The installed synthesizer; one that is not installed speaks nothing."""

    def __init__(self, *, installed: bool = False) -> None:
        self.installed = installed

    async def speak(self, text: str, language_code: str) -> bytes | None:
        """Return the speech as MP3; None if nothing is installed, or it fails."""
        if not self.installed:
            return None
        voice = _VOICES.get(language_code, language_code.partition("-")[0])
        # The voice is an argument of the shell, not a part of its command.
        command = 'espeak-ng -v "$0" --stdin --stdout | lame --quiet - -'
        return await programs.run("sh", "-c", command, voice, text=text) or None


def find() -> Espeak:
    """Return the installed synthesizer, if LAME is installed too."""
    return Espeak(installed=all(shutil.which(program) for program in ("espeak-ng", "lame")))
