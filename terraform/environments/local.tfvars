environment            = "local"
aws_region             = "us-east-1"
allowed_account_ids    = ["123456789012"] # the account of moto
cors_allow_origins     = ["*"]
log_retention_days     = 7
deletion_protection    = false
point_in_time_recovery = false
secret_generation      = 1 # raised by make rotate-secrets

# Totals of all clients, so a flood of a route refuses others there. docs/security.md says what each limit allows to whom.
throttles = {
  http_api = {
    # The routes of speakers. A request with an invalid token counts, but runs no function.
    default       = { requests_per_second = 100, burst = 200 }
    "GET /health" = { requests_per_second = 50, burst = 100 }
  }
  websocket_api = {
    default          = { requests_per_second = 1000, burst = 2000 }
    "$connect"       = { requests_per_second = 500, burst = 1000 }
    "joinSession"    = { requests_per_second = 500, burst = 1000 }
    "changeLanguage" = { requests_per_second = 50, burst = 100 }
    "publishCaption" = { requests_per_second = 500, burst = 1000 }
  }
}

max_listeners                 = 500
sessions_per_speaker_per_hour = 1000 # tests and demonstrations create many sessions as one speaker
joins_per_address_per_minute  = 0    # all clients have the same address
failed_record_retention_days  = null # nothing outlives a run, and the AWS provider waits 55 s for an expiration rule
failed_captions_expire        = false

alarms = false
