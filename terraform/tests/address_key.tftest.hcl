# The secret that names of addresses are made with: made once, kept from then on, and shown to nobody.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment                   = "dev"
  aws_region                    = "us-east-1"
  dist_dir                      = "tests/fixtures"
  cors_allow_origins            = ["*"]
  log_retention_days            = 7
  deletion_protection           = false
  point_in_time_recovery        = false
  throttles                     = { default = { requests_per_second = 50, burst = 100 } }
  websocket_throttles           = { default = { requests_per_second = 200, burst = 400 } }
  max_listeners                 = 500
  sessions_per_speaker_per_hour = 50
  joins_per_address_per_minute  = 10
}

run "made_once" {
  assert {
    condition     = can(regex("^[0-9a-f-]{36}$", nonsensitive(module.function["connect_session"].environment["ADDRESS_KEY"])))
    error_message = "The key is 122 random bits, written as a UUID."
  }

  assert {
    condition     = issensitive(module.function["connect_session"].environment["ADDRESS_KEY"])
    error_message = "Terraform shows the key to nobody."
  }
}

run "kept" {
  command = plan

  # A new key would not be known before it is applied, and this assertion would then fail.
  assert {
    condition     = can(regex("^[0-9a-f-]{36}$", nonsensitive(module.function["connect_session"].environment["ADDRESS_KEY"])))
    error_message = "The next plan keeps the key."
  }
}
