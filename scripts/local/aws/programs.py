"""Programs that the stand-ins use where they are installed: each reads a text and writes a result."""

import asyncio
import os
import signal

from scripts.processes import die_with_parent

TIMEOUT_SECONDS = 5.0


async def run(*command: str, text: str) -> bytes | None:
    """Return the output of a command that reads the text; None if it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(),
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, _ = await process.communicate(text.encode())
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # it is a shell, which has started the others
            await process.wait()
    return output if process.returncode == 0 else None
