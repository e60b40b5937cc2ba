# Holds for every environments/*.tfvars; run with -test-directory=tests/environments -var-file=environments/<name>.tfvars.

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
    error_message = "What people rely on cannot be deleted and can be restored."
  }

  assert {
    condition     = contains(["dev", "local"], var.environment) || alltrue([for origin in var.cors_allow_origins : startswith(origin, "https://")])
    error_message = "Outside dev and local a web page comes by https."
  }

  assert {
    condition     = var.throttles.http_api["POST /sessions"].requests_per_second <= var.throttles.http_api.default.requests_per_second
    error_message = "Opening sessions is the scarcest of all."
  }

  assert {
    condition     = var.throttles.websocket_api["$connect"].requests_per_second <= var.throttles.websocket_api.default.requests_per_second
    error_message = "Whoever has been let in may leave: closing is not limited more than opening."
  }

  assert {
    condition     = var.environment == "local" || min(var.sessions_per_speaker_per_hour, var.joins_per_address_per_minute) > 0
    error_message = "Outside one's own machine nobody may open sessions or join without a limit."
  }
}
