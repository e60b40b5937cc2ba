environment            = "prod"
aws_region             = "us-east-1"
allowed_account_ids    = ["000000000000"]             # replace by the account of prod
cors_allow_origins     = ["https://live.example.com"] # replace by the origins of your web clients
log_retention_days     = 365
deletion_protection    = true
point_in_time_recovery = true
secret_generation      = 1 # raised by make rotate-secrets

# Totals of all clients, so a flood of a route refuses others there. docs/security.md says what each limit allows to whom.
throttles = {
  http_api = {
    # The routes of speakers. A request with an invalid token counts, but runs no function.
    default                              = { requests_per_second = 300, burst = 600 }
    "GET /sessions/{sessionId}"          = { requests_per_second = 1600, burst = 3200 }
    "GET /sessions/{sessionId}/captions" = { requests_per_second = 300, burst = 600 }
    "GET /health"                        = { requests_per_second = 200, burst = 400 }
  }
  websocket_api = {
    default        = { requests_per_second = 10, burst = 20 } # messages that nobody needs
    "$connect"     = { requests_per_second = 500, burst = 1000 }
    "$disconnect"  = { requests_per_second = 1000, burst = 2000 }
    heartbeat      = { requests_per_second = 1000, burst = 2000 } # 300,000 connections with one each in five minutes
    joinSession    = { requests_per_second = 100, burst = 200 }   # clients get the same message unasked when they join
    changeLanguage = { requests_per_second = 100, burst = 200 }
    publishCaption = { requests_per_second = 500, burst = 1000 } # 1,500 sessions with one every 3 s
    audioChunk     = { requests_per_second = 400, burst = 800 }  # if there is an audio_stream: 100 speakers with four chunks a second each
  }
}

max_listeners                 = 500
speaker_absent_minutes        = 120
sessions_per_speaker_per_hour = 50
joins_per_address_per_minute  = 600
failed_record_retention_days  = 14

alarms             = true
runbook_url        = "https://github.com/example/session-service/blob/main/docs/runbook.md" # replace by the URL of your runbook
monthly_budget_usd = 200                                                                    # see docs/cost.md
# alarm_email      = "operators@example.com"
