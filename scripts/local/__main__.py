"""Run the whole system on this machine until Ctrl-C: python -m scripts.local [--port 8080]."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from scripts import local_system
from scripts.local import system
from scripts.local.aws import local_aws
from scripts.local.config.terraform_state import NotServable
from scripts.local.lambda_ import runtime

_READY = """
Ready after {seconds:.0f} s. Ctrl-C stops everything.

  API        {url}
  WebSocket  {websocket_url}
  Console    {console_url}
  Logs       {logs}

Sign in, then create, read, change and end a session:

  TOKEN=$(make -s token USER=alice)
  SESSION=$(curl -s -X POST {url}/sessions -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' -d '{{"sourceLanguage": "en"}}' \\
    | sed -E 's/.*"sessionId": *"([^"]*)".*/\\1/'); echo "$SESSION"
  curl -s -w '\\n' {url}/sessions/$SESSION
  curl -s -w '\\n' -X PATCH {url}/sessions/$SESSION -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' -d '{{"status": "paused"}}'
  curl -s -w '%{{http_code}}\\n' -X DELETE {url}/sessions/$SESSION -H "Authorization: Bearer $TOKEN"

Hear in another terminal what a Spanish listener hears of it, until it ends:

  make listen SESSION=$SESSION LANGUAGE=es
"""


class _Asked(Exception):
    """Somebody asked us to stop."""


def main(arguments: list[str] | None = None) -> int:
    """Run until asked to stop; 1 with the reason on standard error when it cannot run, or not any longer."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local", description=__doc__)
    parser.add_argument("--port", type=_port, default=8080, help="of the API; the console takes the next one")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, _stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _stop)
    try:
        return _run(chosen.port, chosen.work)
    except _Asked:
        print("\nStopped.")
        return 0
    except local_system.AlreadyRunning as other:
        return _refuse(_already_runs(other.system))
    except system.PortTaken as taken:
        return _refuse(f"{taken} Choose another: make run PORT={_free_pair(chosen.port + 1)}")
    except (
        system.StepFailed,
        local_aws.AwsFailed,
        NotServable,
        runtime.WrongRuntime,
    ) as problem:
        return _refuse(str(problem))


def _run(port: int, work: Path) -> int:
    began = time.monotonic()

    def say(step: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {step}", flush=True)

    with system.start(work=work, port=port, console_port=port + 1, say=say) as running:
        ready = _READY.format(
            seconds=time.monotonic() - began,
            url=running.url,
            websocket_url=running.websocket_url,
            console_url=running.console_url,
            logs=work / "logs",
        )
        print(ready, flush=True)
        while running.aws_process.poll() is None:
            time.sleep(0.5)
    return _refuse(
        f"The local AWS has ended by itself; see {work / 'logs' / 'aws.log'}. Everything is stopped."
    )


def _stop(_: int, __: FrameType | None) -> None:
    # From here on things are being stopped, in seconds; a second Ctrl-C must not leave half of them running.
    # SIG_IGN rather than a handler: Python takes handlers away while it still has to end itself.
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, signal.SIG_IGN)
    raise _Asked


def _already_runs(other: local_system.RunningSystem | None) -> str:
    if other is None:
        return "One already runs in this checkout."
    doing = "already runs" if other.ready else "is already starting"
    return f"One {doing} in this checkout: {other.url}, pid {other.pid}. To stop it: kill {other.pid}"


def _free_pair(port: int) -> int:
    while True:
        try:
            system.check_free(port)
            system.check_free(port + 1)
        except system.PortTaken:
            port += 1
        else:
            return port


def _port(given: str) -> int:
    if not given.isdecimal() or not 1 <= int(given) <= 65_534:  # the console's is the next one
        raise argparse.ArgumentTypeError(f"{given!r} is not a port between 1 and 65534")
    return int(given)


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
