# The secrets of functions: random, distinct, sensitive, and kept by the next apply.

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
    condition     = length(toset(values(nonsensitive(local.secrets)))) == 2
    error_message = "The secrets are distinct."
  }

  assert {
    condition = (
      issensitive(module.function["connect_session"].environment["ADDRESS_KEY"]) &&
      issensitive(module.function["list_sessions"].environment["CURSOR_KEY"])
    )
    error_message = "Terraform does not show a secret."
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
