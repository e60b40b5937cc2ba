environment            = "prod"
aws_region             = "us-east-1"
allowed_account_ids    = ["000000000000"]             # replace by the account of prod
cors_allow_origins     = ["https://live.example.com"] # replace by the origins of your web clients
log_retention_days     = 365
deletion_protection    = true
point_in_time_recovery = true
secret_generation      = 1 # raised by make rotate-secrets

throttles = {
  http_api = {
    default                     = { requests_per_second = 200, burst = 400 }
    "POST /sessions"            = { requests_per_second = 100, burst = 200 }
    "GET /sessions/{sessionId}" = { requests_per_second = 2000, burst = 4000 }
    "GET /health"               = { requests_per_second = 10, burst = 20 }
  }
  websocket_api = {
    default    = { requests_per_second = 2000, burst = 4000 }
    "$connect" = { requests_per_second = 500, burst = 1000 }
  }
}

max_listeners                 = 500
speaker_absent_minutes        = 120
sessions_per_speaker_per_hour = 50
joins_per_address_per_minute  = 10
failed_record_retention_days  = 14

alarms             = true
runbook_url        = "https://github.com/example/session-service/blob/main/docs/runbook.md" # replace by the URL of your runbook
monthly_budget_usd = 200                                                                    # see docs/cost.md
# alarm_email      = "operators@example.com"
