environment            = "staging"
aws_region             = "us-east-1"
cors_allow_origins     = ["https://staging.example.com"] # your web clients
log_retention_days     = 30
deletion_protection    = true
point_in_time_recovery = true

throttles = {
  default = { requests_per_second = 100, burst = 200 }
  routes = {
    "POST /sessions"            = { requests_per_second = 50, burst = 100 }
    "GET /sessions/{sessionId}" = { requests_per_second = 500, burst = 1000 }
    "GET /health"               = { requests_per_second = 10, burst = 20 }
  }
}
