"""espeak-ng, a free speech synthesizer, and LAME, which makes MP3 of its voice. Debian has packages of both.

Nothing here needs them. Where both are installed, `make run` speaks with them instead of sending silence.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping

from scripts.processes import die_with_parent

# By Amazon Polly's code, where espeak-ng's is not simply the first part of it.
_VOICES: Mapping[str, str] = {"arb": "ar", "cmn-CN": "cmn", "en-US": "en-us", "pt-BR": "pt-br"}

TIMEOUT_SECONDS = 5.0


class Espeak:
    """The installed synthesizer; one that is not installed speaks nothing."""

    def __init__(self, *, installed: bool = False) -> None:
        self.installed = installed

    async def speak(self, text: str, language_code: str) -> bytes | None:
        """Return the speech as MP3; None if nothing is installed, or it fails."""
        if not self.installed:
            return None
        voice = _VOICES.get(language_code, language_code.partition("-")[0])
        process = await asyncio.create_subprocess_exec(
            # The voice is an argument of the shell, not a part of its command.
            *("sh", "-c", 'espeak-ng -v "$0" --stdin --stdout | lame --quiet - -', voice),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                speech, _ = await process.communicate(text.encode())
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)  # the shell, and what it has started
                await process.wait()
        return speech or None if process.returncode == 0 else None


def find() -> Espeak:
    """Return the installed synthesizer, if LAME is installed too."""
    return Espeak(installed=all(shutil.which(program) for program in ("espeak-ng", "lame")))
