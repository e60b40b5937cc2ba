environment            = "local"
aws_region             = "us-east-1"
cors_allow_origins     = ["*"]
log_retention_days     = 7
deletion_protection    = false
point_in_time_recovery = false

throttles = {
  default = { requests_per_second = 50, burst = 100 }
  routes = {
    "POST /sessions" = { requests_per_second = 20, burst = 60 }
    "GET /health"    = { requests_per_second = 10, burst = 20 }
  }
}
