"""Running Terraform: the search for a provider mirror, the environment variables and the errors."""

from pathlib import Path

import pytest

from scripts import terraform


@pytest.fixture
def fake_terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace PATH with a folder whose `terraform` prints its arguments; tests may rewrite the script."""
    program = tmp_path / "bin/terraform"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def mirror(folder: Path) -> Path:
    (folder / terraform.PROVIDER).mkdir(parents=True)
    return folder


def test_a_named_mirror_is_used_before_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    named = mirror(tmp_path / "named")
    mirror(tmp_path / "home/.terraform.d/plugins")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(named))

    assert terraform.plugin_mirror() == named


def test_a_named_mirror_without_the_provider_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))

    with pytest.raises(terraform.TerraformFailed, match="TF_PLUGIN_MIRROR"):
        terraform.plugin_mirror()


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        ("HOME", ".terraform.d/plugins"),
        ("XDG_DATA_HOME", "terraform/plugins"),
        ("XDG_DATA_DIRS", "terraform/plugins"),
    ],
)
def test_a_mirror_is_found_where_terraform_looks_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, folder: str
):
    monkeypatch.delenv("TF_PLUGIN_MIRROR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    expected = mirror(tmp_path / folder)

    assert terraform.plugin_mirror() == expected


def test_without_a_mirror_the_registry_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TF_PLUGIN_MIRROR", raising=False)
    monkeypatch.setattr(terraform, "_mirror_candidates", lambda: iter([Path("/nowhere")]))

    assert terraform.plugin_mirror() is None


def test_a_missing_configuration_file_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "gone"))

    assert "TF_CLI_CONFIG_FILE" not in terraform.environment()


def test_an_existing_configuration_file_and_extra_variables_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = tmp_path / "terraformrc"
    config.touch()
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(config))

    variables = terraform.environment(TF_DATA_DIR="elsewhere")

    assert variables["TF_CLI_CONFIG_FILE"] == str(config)
    assert variables["TF_DATA_DIR"] == "elsewhere"
    assert variables["TF_IN_AUTOMATION"] == "1"


def test_terraform_runs_in_the_root(fake_terraform: Path, tmp_path: Path):
    result = terraform.run("output", "-json", root=tmp_path, capture=True)

    assert result.stdout.splitlines() == [f"-chdir={tmp_path}", "output", "-json"]


def test_a_failed_run_raises_terraforms_error_output(fake_terraform: Path):
    fake_terraform.write_text("#!/bin/sh\nprintf '\\033[31mno such region\\033[0m' >&2\nexit 3\n")

    with pytest.raises(terraform.TerraformFailed) as failure:
        terraform.run("plan", capture=True)

    assert str(failure.value) == "terraform plan exited with code 3.\nno such region"


def test_a_missing_terraform_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(terraform.TerraformMissing, match="not on PATH"):
        terraform.run("version")


def test_init_uses_the_lock_file_the_mirror_and_the_backend_values(
    fake_terraform: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(mirror(tmp_path / "mirror")))

    terraform.init("bucket=states", root=tmp_path)

    assert capfd.readouterr().out.splitlines() == [
        f"-chdir={tmp_path}",
        "init",
        "-input=false",
        "-lockfile=readonly",
        f"-plugin-dir={tmp_path / 'mirror'}",
        "-backend-config=bucket=states",
    ]


def test_init_can_skip_the_backend(
    fake_terraform: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(terraform, "plugin_mirror", lambda: None)

    terraform.init(backend=False)

    arguments = capfd.readouterr().out.splitlines()
    assert "-backend=false" in arguments
    assert not any(argument.startswith("-plugin-dir") for argument in arguments)
