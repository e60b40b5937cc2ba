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
    default        = { requests_per_second = 10, burst = 20 } # messages that nobody needs
    "$connect"     = { requests_per_second = 500, burst = 1000 }
    "$disconnect"  = { requests_per_second = 500, burst = 1000 }
    heartbeat      = { requests_per_second = 200, burst = 400 } # 60,000 connections with one each in five minutes
    joinSession    = { requests_per_second = 100, burst = 200 } # clients get the same message unasked when they join
    changeLanguage = { requests_per_second = 100, burst = 200 }
    publishCaption = { requests_per_second = 500, burst = 1000 } # 1,500 sessions with one every 3 s
    audioChunk     = { requests_per_second = 500, burst = 1000 } # 125 speakers with four chunks a second each
  }
}

allow_password_auth           = true # frontends sign in with the demo password
max_listeners                 = 500
sessions_per_speaker_per_hour = 1000 # tests and demonstrations create many sessions as one speaker
joins_per_address_per_minute  = 0    # all clients have the same address
failed_record_retention_days  = null # nothing outlives a run, and the AWS provider waits 55 s for an expiration rule
speech_expires                = false
audio_stream                  = false # make run AUDIO=1: the AWS provider waits 30 s for the stream

alarms = false
