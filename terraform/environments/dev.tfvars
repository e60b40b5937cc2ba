environment            = "dev"
aws_region             = "us-east-1"
allowed_account_ids    = ["000000000000"] # replace by the account of dev
cors_allow_origins     = ["*"]
log_retention_days     = 7
deletion_protection    = false
point_in_time_recovery = false
secret_generation      = 1 # raised by make rotate-secrets

throttles = {
  http_api = {
    default          = { requests_per_second = 50, burst = 100 }
    "POST /sessions" = { requests_per_second = 20, burst = 40 }
    "GET /health"    = { requests_per_second = 10, burst = 20 }
  }
  websocket_api = {
    default    = { requests_per_second = 1000, burst = 2000 }
    "$connect" = { requests_per_second = 500, burst = 1000 }
  }
}

max_listeners                 = 500
sessions_per_speaker_per_hour = 50
joins_per_address_per_minute  = 10
failed_record_retention_days  = 14

alarms = false
