"""ministack, a second emulator of AWS: how to start it, and whose credentials it knows."""

import base64
import contextlib
import datetime
import ipaddress
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import requests
from botocore import UNSIGNED
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripts import processes
from scripts.local_system import CREDENTIALS
from scripts.project import ROOT

REGION = "us-east-1"
ACCOUNT = "210987654321"
GITHUB = "token.actions.githubusercontent.com"

_SESSION, _SESSION_LOCK = botocore.session.get_session(), threading.Lock()  # no session is safe for threads
_FOLDER = ROOT / "build/conformance"
_READY_SECONDS = 60.0


class EmulatorFailed(Exception):
    """ministack did not start, or it ended."""


class Credentials(NamedTuple):
    """What AWS SDKs sign with."""

    access_key_id: str
    secret_access_key: str
    session_token: str


ROOT_USER = Credentials(*CREDENTIALS.values())
"""The account's root user, with the credentials of the local system: so its tools can be used here too."""


@dataclass(frozen=True)
class Emulator:
    """A running ministack, with IAM enforced. `work` is the folder of its files."""

    port: int
    work: Path

    @property
    def url(self) -> str:
        """Its URL for SDKs and Terraform."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def plain_url(self) -> str:
        """Its URL without TLS, which is faster. The policy of the state bucket denies such requests."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """The file of its certificate, which clients must trust."""
        return self.work / "certificate.pem"

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """The requests that IAM did not allow, in their order; see server.py."""
        return [json.loads(line) for line in (self.work / "decisions.jsonl").read_text().splitlines()]

    def variables(self, credentials: Credentials) -> dict[str, str]:
        """Return the environment variables that direct AWS SDKs and Terraform to it."""
        return {
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
            "AWS_SESSION_TOKEN": credentials.session_token,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "SSL_CERT_FILE": str(self.certificate),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, credentials: Credentials = ROOT_USER, config: Config | None = None) -> Any:
        """Return a client of one of its services."""
        with _SESSION_LOCK:
            return _SESSION.create_client(
                service,
                region_name=REGION,
                endpoint_url=self.url,
                verify=str(self.certificate),
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token,
                config=config,
            )

    def assume_role(self, role: str, subject: str) -> Credentials:
        """Return credentials of a role for a job of GitHub Actions whose token has the subject.

        ministack checks no signature, but the trust policy. Raises ClientError when that denies it.
        """
        now = int(time.time())
        claims = {
            "iss": f"https://{GITHUB}",
            "aud": "sts.amazonaws.com",
            "sub": subject,
            "iat": now,
            "exp": now + 600,
        }
        parts = ({"alg": "RS256", "typ": "JWT"}, claims, {})
        token = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
        )
        response = self.client(
            "sts", config=Config(signature_version=UNSIGNED)
        ).assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="GitHubActions", WebIdentityToken=token
        )["Credentials"]
        return Credentials(response["AccessKeyId"], response["SecretAccessKey"], response["SessionToken"])


@contextlib.contextmanager
def start(work: Path, misjudged: Sequence[tuple[str, str]]) -> Iterator[Emulator]:
    """Start ministack with its files in `work`, and stop it at the end; `misjudged` is that of server.py.

    Raises EmulatorFailed.
    """
    if not (_FOLDER / "bin/python").exists():
        raise EmulatorFailed("ministack is not installed. Run: make conformance")
    certificate, key = _write_certificate(work)
    (work / "decisions.jsonl").touch()
    command = [
        str(_FOLDER / "bin/python"), str(Path(__file__).with_name("server.py")),
        str(certificate), str(key), str(work / "decisions.jsonl"), json.dumps(misjudged),
    ]  # fmt: skip
    with (work / "ministack.log").open("wb") as log:
        process = processes.spawn(command, env=_variables(work), output=log, pipe=True)
    try:
        assert process.stdout is not None
        word, _, port = process.stdout.readline().decode().strip().partition(" ")
        if word != "ready":
            raise EmulatorFailed((work / "ministack.log").read_text())
        emulator = Emulator(int(port), work)
        _wait_until_ready(emulator)
        yield emulator
        if process.poll() is not None:
            raise EmulatorFailed(f"ministack ended with {process.returncode}")
    finally:
        processes.stop(process)
        if process.stdout:
            process.stdout.close()


def _variables(work: Path) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return inherited | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": ROOT_USER.access_key_id,
        "AWS_SECRET_ACCESS_KEY": ROOT_USER.secret_access_key,
        "AWS_SESSION_TOKEN": ROOT_USER.session_token,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",  # it would listen on all addresses
        "SFTP_ENABLED": "0",
        "TMPDIR": str(work),
        "STATE_DIR": str(work / "state"),
        "PYTHONPATH": str(Path(__file__).with_name("resolver")),
        # The functions call the management API over TLS.
        "AWS_CA_BUNDLE": str(work / "certificate.pem"),
    }


def _wait_until_ready(emulator: Emulator) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"{emulator.url}/_ministack/health", timeout=5, verify=str(emulator.certificate))
            return
        if time.monotonic() > deadline:
            raise EmulatorFailed((emulator.work / "ministack.log").read_text())
        time.sleep(0.1)


def _write_certificate(work: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for this machine's names, valid for a day, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [
        x509.DNSName("localhost"),
        x509.DNSName("*.execute-api.localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = work / "certificate.pem", work / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file
