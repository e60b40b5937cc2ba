# The secrets of functions: random, distinct, sensitive, kept by the next apply, and rotated by a new generation.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment            = "dev"
  aws_region             = "us-east-1"
  allowed_account_ids    = ["123456789012"]
  dist_dir               = "tests/fixtures"
  cors_allow_origins     = ["*"]
  log_retention_days     = 7
  deletion_protection    = false
  point_in_time_recovery = false
  throttles = {
    http_api      = { default = { requests_per_second = 50, burst = 100 } }
    websocket_api = { default = { requests_per_second = 200, burst = 400 } }
  }

  max_listeners                 = 500
  sessions_per_speaker_per_hour = 50
  joins_per_address_per_minute  = 10
  failed_record_retention_days  = 14
}

run "created" {
  assert {
    condition     = alltrue([for secret in values(local.secrets) : can(regex("^[0-9a-f-]{36}$", nonsensitive(secret)))])
    error_message = "A secret is a random UUID."
  }

  assert {
    condition     = length(toset(values(nonsensitive(local.secrets)))) == 4
    error_message = "The secrets are distinct."
  }

  assert {
    condition = alltrue([
      for setting in ["CURSOR_KEY", "CURSOR_KEY_PREVIOUS", "CURSOR_KEY_NEXT"] :
      issensitive(module.function["list_sessions"].environment[setting])
    ]) && issensitive(module.function["connect_session"].environment["ADDRESS_KEY"])
    error_message = "Terraform does not show a secret."
  }

  assert {
    condition = nonsensitive(
      module.function["list_sessions"].environment["CURSOR_KEY_PREVIOUS"] == terraform_data.secret["cursor_key/0"].triggers_replace &&
      module.function["list_sessions"].environment["CURSOR_KEY"] == terraform_data.secret["cursor_key/1"].triggers_replace &&
      module.function["list_sessions"].environment["CURSOR_KEY_NEXT"] == terraform_data.secret["cursor_key/2"].triggers_replace &&
      module.function["connect_session"].environment["ADDRESS_KEY"] == terraform_data.secret["address_key/1"].triggers_replace
    )
    error_message = "The first generation signs with its own key and knows those of its neighbours."
  }
}

run "kept" {
  command = plan

  # A new secret would be unknown in the plan, and the assertion would fail.
  assert {
    condition     = alltrue([for secret in values(local.secrets) : can(regex("^[0-9a-f-]{36}$", nonsensitive(secret)))])
    error_message = "The next plan keeps the secrets."
  }
}

run "planned_rotation" {
  command = plan

  variables {
    secret_generation = 2
  }

  # A new secret would be unknown in the plan, and the assertion would fail.
  assert {
    condition = nonsensitive(
      module.function["list_sessions"].environment["CURSOR_KEY_PREVIOUS"] == terraform_data.secret["cursor_key/1"].triggers_replace &&
      module.function["list_sessions"].environment["CURSOR_KEY"] == terraform_data.secret["cursor_key/2"].triggers_replace
    )
    error_message = "The next key becomes the current one, and the current key the previous one, so both releases accept all cursors."
  }
}

run "rotated" {
  variables {
    secret_generation = 2
  }

  assert {
    condition     = toset(keys(terraform_data.secret)) == toset(["address_key/2", "cursor_key/1", "cursor_key/2", "cursor_key/3"])
    error_message = "A rotation creates an address key and a next cursor key, and deletes the old ones."
  }

  assert {
    condition     = length(toset(values(nonsensitive(local.secrets)))) == 4
    error_message = "The secrets are distinct."
  }
}

run "rotated_after_a_leak" {
  variables {
    secret_generation = 5
  }

  assert {
    condition     = toset(keys(terraform_data.secret)) == toset(["address_key/5", "cursor_key/4", "cursor_key/5", "cursor_key/6"])
    error_message = "Three generations later no key is known to a former release."
  }
}

run "generations_below_1_are_rejected" {
  command         = plan
  expect_failures = [var.secret_generation]

  variables {
    secret_generation = 0
  }
}

run "fractions_are_rejected" {
  command         = plan
  expect_failures = [var.secret_generation]

  variables {
    secret_generation = 1.5
  }
}
