# Tests of every environments/*.tfvars. Run them with -test-directory=tests/environments -var-file=environments/<name>.tfvars.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

run "values" {
  command = plan

  variables {
    dist_dir = "tests/fixtures"
  }

  assert {
    condition     = contains(["dev", "local"], var.environment) || (var.deletion_protection && var.point_in_time_recovery)
    error_message = "staging and prod have deletion protection and backups."
  }

  assert {
    condition     = contains(["dev", "local"], var.environment) || alltrue([for origin in var.cors_allow_origins : startswith(origin, "https://")])
    error_message = "Outside dev and local every origin uses https."
  }

  assert {
    condition     = var.throttles.http_api["POST /sessions"].requests_per_second <= var.throttles.http_api.default.requests_per_second
    error_message = "Creating sessions is throttled at most as high as other routes."
  }

  assert {
    condition     = var.throttles.websocket_api["$connect"].requests_per_second <= var.throttles.websocket_api.default.requests_per_second
    error_message = "Handshakes are throttled at most as high as other events: every open connection can disconnect."
  }

  assert {
    condition     = var.environment == "local" || min(var.sessions_per_speaker_per_hour, var.joins_per_address_per_minute) > 0
    error_message = "Outside local there are rate limits."
  }

  assert {
    condition     = var.speaker_absent_minutes == (var.environment == "prod" ? 120 : 0)
    error_message = "In prod a session ends when its speaker has been absent for two hours."
  }
}
