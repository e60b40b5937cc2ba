# Alarms and the dashboard of the whole service. tests/terraform/test_observability.py reads the plan of the first run and
# checks that every metric exists and that every alarm has its section in the runbook.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = module.http_api.aws_apigatewayv2_api.this
  values          = { id = "http1", api_endpoint = "https://http1.example.com", execution_arn = "arn:aws:execute-api:us-east-1:123456789012:http1" }
}

override_resource {
  override_during = plan
  target          = module.websocket_api.aws_apigatewayv2_api.this
  values          = { id = "ws1", api_endpoint = "wss://ws1.example.com", execution_arn = "arn:aws:execute-api:us-east-1:123456789012:ws1" }
}

override_resource {
  override_during = plan
  target          = module.alarms[0].aws_sns_topic.this
  values          = { arn = "arn:aws:sns:us-east-1:123456789012:alarms" }
}

# The body of the dashboard has these ARNs.
override_resource {
  override_during = plan
  target          = module.alarms[0].aws_cloudwatch_metric_alarm.this
  values          = { arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:one" }
}

override_resource {
  override_during = plan
  target          = module.alarms[0].aws_cloudwatch_composite_alarm.burn_rate
  values          = { arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:pair" }
}

variables {
  environment            = "prod"
  aws_region             = "us-east-1"
  allowed_account_ids    = ["123456789012"]
  dist_dir               = "tests/fixtures"
  cors_allow_origins     = ["https://live.example.com"]
  log_retention_days     = 7
  deletion_protection    = true
  point_in_time_recovery = true

  throttles = {
    http_api      = { default = { requests_per_second = 50, burst = 100 } }
    websocket_api = { default = { requests_per_second = 200, burst = 400 } }
  }

  max_listeners                 = 500
  sessions_per_speaker_per_hour = 50
  joins_per_address_per_minute  = 10
  failed_record_retention_days  = 14
  audio_stream                  = true

  alarms             = true
  alarm_email        = "operators@example.com"
  runbook_url        = "https://example.com/docs/runbook.md"
  monthly_budget_usd = 200
}

run "the_plan" {
  command = plan

  assert {
    condition     = length(module.alarms) == 1
    error_message = "With alarms = true there are alarms."
  }
}

run "without_alarms" {
  command = plan

  variables {
    alarms             = false
    alarm_email        = null
    monthly_budget_usd = 0
  }

  assert {
    condition     = length(module.alarms) == 0
    error_message = "With alarms = false there is no alarm, no topic and no key."
  }

  assert {
    condition     = !contains([for widget in jsondecode(module.dashboard.body).widgets : widget.type], "alarm")
    error_message = "Without alarms there is no alarm widget: CloudWatch rejects an empty one."
  }
}

run "without_audio" {
  command = plan

  variables {
    audio_stream = false
  }

  assert {
    condition     = length([for filter in aws_cloudwatch_log_metric_filter.function : filter if filter.name == "RefusedAudioCount"]) == 0
    error_message = "Without an audio stream nothing counts its chunks."
  }

  assert {
    condition     = !can(regex("AWS/Kinesis|RefusedAudioCount", module.dashboard.body))
    error_message = "Without an audio stream the dashboard has no graph of it."
  }
}

run "a_budget_without_alarms_is_rejected" {
  command = plan

  variables {
    alarms             = false
    monthly_budget_usd = 200
  }

  expect_failures = [var.monthly_budget_usd]
}

run "routes_have_metrics" {
  command = plan

  module {
    source = "./modules/http_api"
  }

  variables {
    name = "session-service-test"
    routes = {
      "GET /things" = { function_name = "things", alias = "live", invoke_arn = "arn:things", signed_in = false, throttle = { requests_per_second = 5, burst = 10 } }
    }
    integration_timeout_milliseconds = 11000
    jwt                              = { issuer = "https://idp.example.com", audience = "client" }
    cors                             = { allow_origins = ["*"], allow_headers = [], expose_headers = [] }
    default_throttle                 = { requests_per_second = 5, burst = 10 }
  }

  assert {
    condition = alltrue([
      for settings in concat(tolist(aws_apigatewayv2_stage.default.route_settings), tolist(aws_apigatewayv2_stage.default.default_route_settings)) :
      settings.detailed_metrics_enabled
    ])
    error_message = "Detailed metrics are on: without them no route has metrics, and its alarms never go off."
  }
}
