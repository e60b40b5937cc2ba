"""The zips: only what each function imports, and a pruned SDK that still works."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.build import imports, prune
from scripts.project import ROOT
from tests.support import function_settings

FUNCTIONS = sorted(handler.parent.name for handler in ROOT.glob("functions/*/handler.py"))
IMPORTED = {name: imports.follow(ROOT, f"functions.{name}.handler") for name in FUNCTIONS}
WITH_SDK = [name for name in FUNCTIONS if "botocore" in IMPORTED[name].third_party]
TAG = f"cpython-{sys.version_info.major}{sys.version_info.minor}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_zip_has_the_third_party_packages_that_its_function_imports_and_no_others(zips, name):
    tops = {file.split("/")[0] for file in zips[name].namelist()}

    packages = {"botocore", "jwt", "pydantic"}
    assert tops & packages == IMPORTED[name].third_party & packages


@pytest.mark.parametrize("name", FUNCTIONS)
def test_our_own_sources_lie_as_in_the_repository_each_with_its_byte_code(zips, name):
    own = {Path(file) for file in zips[name].namelist() if file.split("/")[0] in imports.OWN_PACKAGES}

    sources = {file for file in own if file.suffix == ".py"}
    assert sources == IMPORTED[name].files
    assert own - sources == {file.parent / "__pycache__" / f"{file.stem}.{TAG}.pyc" for file in sources}
    for file in sources:
        assert zips[name].read(str(file)) == (ROOT / file).read_bytes()


POSTS = {name for name in FUNCTIONS if Path("shared/aws/management_api.py") in IMPORTED[name].files}


@pytest.mark.parametrize("name", WITH_SDK)
def test_the_sdk_has_the_services_of_its_function_alone_and_every_package_brings_its_licence(zips, name):
    files = zips[name].namelist()

    data = {file.split("/")[2] for file in files if file.startswith("botocore/data/")}
    licensed = {file.split("/")[1] for file in files if file.startswith("licenses/")}
    services = {"dynamodb"}
    services |= {"apigatewaymanagementapi"} if name in POSTS else set()
    services |= {"translate"} if name == "translate_captions" else set()
    services |= {"kinesis"} if name == "send_audio" else set()
    services |= {"polly", "s3"} if name == "speak_captions" else set()
    assert {folder for folder in data if "." not in folder} == services
    assert {"botocore", "urllib3", "jmespath", "python-dateutil", "six"} <= licensed
    assert not [file for file in files if file.endswith((".pyi", ".dist-info/METADATA"))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sizes_are_within_their_limits(repository, name):
    limit = 1_500_000
    if "pydantic" in IMPORTED[name].third_party:
        limit = 4_000_000
    if "jwt" in IMPORTED[name].third_party:
        limit = 6_000_000

    assert (repository / "dist" / f"{name}.zip").stat().st_size <= limit


class DynamoDB(BaseHTTPRequestHandler):
    """Answers GetItem with a row, and each write with a condition that failed."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        read = self.headers["X-Amz-Target"].endswith(".GetItem")
        kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
        row = {"Item": {"sessionId": {"S": "pure-hope-123"}}}
        body = json.dumps(
            row if read else {"__type": kind, "message": "The conditional request failed"}
        ).encode()
        self.send_response(200 if read else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture(scope="module")
def dynamodb_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), DynamoDB) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


PROGRAM = """
import importlib, json, ssl, sys
name, url, task_root = sys.argv[1:]
sys.path[:0] = [task_root]
importlib.import_module(f"functions.{name}.handler").handler
import botocore.session
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import get_cert_path

session = botocore.session.Session()
client = session.create_client("dynamodb", endpoint_url=url)
item = client.get_item(TableName="t", Key={"sessionId": {"S": "x"}})["Item"]
try:
    client.put_item(TableName="t", Item={"sessionId": {"S": "x"}}, ConditionExpression="false")
except ClientError as error:
    code = error.response["Error"]["Code"]
    typed = isinstance(error, client.exceptions.ConditionalCheckFailedException)

context = ssl.create_default_context(cafile=get_cert_path(True))
hosts = {
    region: session.create_client("dynamodb", region_name=region).meta.endpoint_url
    for region in ("eu-west-1", "us-gov-west-1", "cn-north-1")
}
outside = [
    module.__file__ for module in sys.modules.values()
    if "site-packages" in (getattr(module, "__file__", None) or "")
]
print(json.dumps({
    "item": item, "code": code, "typed": typed, "hosts": hosts, "outside": outside,
    "operations": sorted(client.meta.method_to_api_mapping.values()),
    "roots": sorted(value for ca in context.get_ca_certs() for part in ca["subject"] for key, value in part
                    if key == "commonName"),
}))
"""


@pytest.mark.parametrize("name", WITH_SDK)
def test_each_zip_alone_calls_dynamodb_and_writes_nothing_beside_itself(zips, name, dynamodb_url, tmp_path):
    task_root = tmp_path / "task"
    zips[name].extractall(task_root)
    before = sorted(task_root.rglob("*"))
    for path in (task_root, *before):
        path.chmod(0o555 if path.is_dir() else 0o444)

    process = subprocess.run(
        [sys.executable, "-s", "-S", "-P", "-c", PROGRAM, name, dynamodb_url, str(task_root)],
        env=function_settings.environment(name), cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout.splitlines()[-1])
    roots = set(result.pop("roots"))
    assert roots - set(prune.OPTIONAL_ROOTS) == set(prune.REQUIRED_ROOTS)
    assert result == {
        "item": {"sessionId": {"S": "pure-hope-123"}},
        "code": "ConditionalCheckFailedException",
        "typed": True,
        "outside": [],
        "operations": sorted(prune.OPERATIONS["dynamodb"]),
        "hosts": {
            "eu-west-1": "https://dynamodb.eu-west-1.amazonaws.com",
            "us-gov-west-1": "https://dynamodb.us-gov-west-1.amazonaws.com",
            "cn-north-1": "https://dynamodb.cn-north-1.amazonaws.com.cn",
        },
    }
    for path in (task_root, *before):
        path.chmod(0o755)
    assert sorted(task_root.rglob("*")) == before


SPEAKS = """
import json, os, sys
sys.path[:0] = [sys.argv[1]]
from botocore.awsrequest import AWSResponse
from shared.aws import polly, voice_bucket
from shared.captions.caption import Caption
from shared.audience.connection import SessionRef
from shared.sessions.session import Language

class Body:
    def stream(self, **_): yield b""
    def read(self, *_): return b"mp3"
    def close(self): pass

def answer(request, **_):
    calls.append((request.method, request.url))
    return AWSResponse(request.url, 200, {}, Body())

sent = {}
caption = Caption(
    session=SessionRef("pure-hope-123", 7), sequence=1, text="", source_language=Language.ENGLISH,
    spoken_at=0, published_at=0, expires_at=0,
)
for region in ("eu-west-1", "us-east-1", "cn-north-1"):
    os.environ["AWS_DEFAULT_REGION"], calls = region, []
    for module, service in ((polly, "polly"), (voice_bucket, "s3")):
        module.dynamodb.sdk_session.cache_clear()
        client = module.create_client(max_connections=1)
        client.meta.events.register(f"before-send.{service}", answer)
        if module is polly:
            audio = polly.Polly(client).synthesize("Hola", Language.SPANISH)
        else:
            url = voice_bucket.VoiceBucket(client, "voice").add(caption, Language.SPANISH, audio)
    sent[region] = calls, url
print(json.dumps(sent))
"""


def test_the_zip_that_speaks_finds_polly_and_the_bucket_in_each_region(zips, tmp_path):
    zips["speak_captions"].extractall(tmp_path)

    process = subprocess.run(
        [sys.executable, "-s", "-S", "-P", "-B", "-c", SPEAKS, str(tmp_path)],
        env=function_settings.environment("speak_captions"), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert process.returncode == 0, process.stderr
    sent = json.loads(process.stdout.splitlines()[-1])
    hosts = {
        "eu-west-1": ("polly.eu-west-1.amazonaws.com", "voice.s3.eu-west-1.amazonaws.com"),
        "us-east-1": ("polly.us-east-1.amazonaws.com", "voice.s3.us-east-1.amazonaws.com"),
        "cn-north-1": ("polly.cn-north-1.amazonaws.com.cn", "voice.s3.cn-north-1.amazonaws.com.cn"),
    }
    key = "pure-hope-123%237/1/es.mp3"
    for region, (polly, s3) in hosts.items():
        calls, url = sent[region]
        assert calls == [["POST", f"https://{polly}/v1/speech"], ["PUT", f"https://{s3}/{key}"]]
        assert url.startswith(f"https://{s3}/{key}?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
