"""The command that prints which quotas to raise, and how it refuses bad input."""

import re
import subprocess

import pytest

from scripts.launch_load import LaunchLoad
from scripts.operate import quotas
from scripts.project import ROOT


def test_a_quota_that_is_exceeded_must_be_raised(capsys: pytest.CaptureFixture[str]):
    assert quotas.main(["1000", "500"]) == 0

    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    sources = "https://docs.aws.amazon.com"
    connects, sign_ins = (
        next(row for row in rows if name in row) for name in ("connections/s", "sign-ins/s")
    )
    assert connects[-4:-1] == ["500", "951", "yes"]
    assert connects[-1].startswith(f"{sources}/apigateway/")
    assert sign_ins[-4:-1] == ["120", "7", "no"]
    assert sign_ins[-1].startswith(f"{sources}/cognito/")


def test_the_report_says_for_which_load_and_settings_it_is():
    report = quotas.report(LaunchLoad(1_000, 100, 2))

    assert report.startswith("1,000 sessions with 100 listeners each, who join within 2 minutes.")
    assert re.search(r"\n  \$connect +958\n", report)  # 841.7 + 4 x 29.0 per second
    assert "\nEach has a caption every 3 s, in 5 further languages." in report
    assert re.search(r"\n  publishCaption +407\n", report)  # 333.3 + 4 x 18.3 per second
    assert "max_listeners there must be at least 100." in report


def test_captions_are_as_frequent_and_in_as_many_languages_as_is_asked(capsys: pytest.CaptureFixture[str]):
    quotas.main(["400", "10", "--caption-seconds=1", "--languages=2"])

    output = capsys.readouterr().out
    assert "\nEach has a caption every 1 s, in 2 further languages." in output
    # 400 + 4 x 20 captions per second, of which each is translated twice.
    assert re.search(r"\nAmazon Translate: calls/s +unknown +960 +not published, ask AWS ", output)


def test_the_listeners_join_within_ten_minutes_by_default(capsys: pytest.CaptureFixture[str]):
    quotas.main(["1", "1"])

    assert "who join within 10 minutes" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["", "0", "-1", "1.5", "many", "1e3", "1000001", "٣"])
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["{}", "100"], "SESSIONS"),
        (["100", "{}"], "LISTENERS"),
        (["1", "1", "--minutes={}"], "--minutes"),
        (["1", "1", "--caption-seconds={}"], "--caption-seconds"),
        (["1", "1", "--languages={}"], "--languages"),
    ],
)
def test_bad_input_is_refused_by_name(
    arguments: list[str], name: str, value: str, capsys: pytest.CaptureFixture[str]
):
    # `--` keeps argparse from reading -1 as an option.
    given = [argument.format(value) for argument in arguments]
    with pytest.raises(SystemExit) as ended:
        quotas.main(given if name.startswith("--") else ["--", *given])

    assert ended.value.code == 2
    assert f"argument {name}: {value!r} is not a whole number from 1 to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        (["SESSIONS=5", "LISTENERS=6"], '"5" "6"'),
        (["SESSIONS=5", "LISTENERS=6", "MINUTES=2"], '"5" "6" --minutes "2"'),
        (
            ["SESSIONS=5", "LISTENERS=6", "CAPTION_SECONDS=1", "LANGUAGES=2"],
            '"5" "6" --caption-seconds "1" --languages "2"',
        ),
        ([], '"" ""'),  # refused by name
    ],
)
def test_make_passes_the_variables(variables: list[str], command: str):
    done = subprocess.run(
        ["make", "--dry-run", "quotas", *variables], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert f"-m scripts.operate.quotas {command}" in " ".join(done.stdout.replace("\\\n", " ").split())
