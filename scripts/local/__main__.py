"""Run the whole system on this machine until Ctrl-C: python -m scripts.local [--port 8080] [--audio]."""

import argparse
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

from scripts import command_line, local_system
from scripts.errors import CommandError
from scripts.local import ports
from scripts.local.aws.local_aws import AwsFailed
from scripts.local.aws.user_pool import DEMO_PASSWORD, DEMO_SPEAKER, UserPool
from scripts.local.config.functions import Function
from scripts.local.system import System

_READY = """
Ready after {seconds:.0f} s. Ctrl-C stops everything.

  API        {url}
  WebSocket  {websocket_url}
  Console    {console_url}
  Speak      {console_url}/speak
  Listen     {console_url}/listen
  Captions   {captions}
  Sign-in    {sign_in}
  Audio      {audio}
  Voice      {voice}
  Logs       {logs}

In another terminal:

  make token USER=alice                     prints an access token of a speaker
  make listen SESSION=<id> LANGUAGE=es      prints what a listener receives
  make speak SESSION=<id> USER=alice        publishes each line that you type as a caption

The README has a tour of the API.
"""


def _sign_in(pool: UserPool) -> str:
    return f"{pool.aws_url}, client {pool.client_id}, user {DEMO_SPEAKER}, password {DEMO_PASSWORD}"


class _Stopped(Exception):
    """A signal asked this process to stop."""


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal stops it; 1 with the reason on standard error when it cannot start or continue."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local", description=__doc__)
    parser.add_argument("--port", type=_port, default=8080, help="of the API; the console takes the next one")
    parser.add_argument("--audio", action="store_true", help="with an audio stream, which takes 30 s more")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
        signal.signal(signal.SIGHUP, _stop)
    return command_line.run(lambda: _run(options.port, options.work, audio=options.audio))


def _run(port: int, work: Path, *, audio: bool) -> None:
    began = time.monotonic()

    def progress(step: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {step}", flush=True)

    try:
        with System(
            work=work,
            port=port,
            console_port=port + 1,
            settings={"audio_stream": "true"} if audio else {},
            uses_speech_tools=True,
            progress=progress,
        ) as system:
            ready = _READY.format(
                seconds=time.monotonic() - began,
                url=system.url,
                websocket_url=system.websocket_url,
                console_url=system.console_url,
                captions=_captions(system.apertium.directions),
                sign_in=_sign_in(system.user_pool),
                audio=_audio(system.config.functions, system.aws.url),
                voice="espeak-ng's" if system.espeak.installed else "silence as long as the text would take",
                logs=work / "logs",
            )
            print(ready, flush=True)
            while system.aws.process.poll() is None:
                time.sleep(0.5)
        raise AwsFailed(
            f"The local AWS ended unexpectedly; see {work / 'logs/aws.log'}. Everything is stopped."
        )
    except ports.PortTaken as taken:
        raise CommandError(f"{taken} Choose another: make run PORT={ports.free_pair(port + 1)}") from None
    except _Stopped:
        print("\nStopped.")


def _captions(directions: Iterable[str]) -> str:
    others = "[es] before the text, as a translation"
    if not directions:
        return others
    return f"translated by Apertium ({', '.join(sorted(directions))}); other languages have {others}"


def _audio(functions: Mapping[str, Function], aws_url: str) -> str:
    streams = [
        function.environment["AUDIO_STREAM"]
        for function in functions.values()
        if "AUDIO_STREAM" in function.environment
    ]
    if not streams:
        return "audioChunk is an unknown action; make run AUDIO=1 has a stream for it"
    return f"Kinesis data stream {streams[0]} at {aws_url}"


def _stop(_: int, __: FrameType | None) -> None:
    # Stopping takes seconds, and a second Ctrl-C must not leave half of the processes running.
    # SIG_IGN rather than a handler: Python removes handlers while it still has to end itself.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise _Stopped


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_534:  # the console's port is the next one
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 1 and 65534")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
