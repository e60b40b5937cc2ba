# modules/alarms: the metric alarms, the composite alarms, the SNS topic and the budget.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_sns_topic.this
  values          = { arn = "arn:aws:sns:us-east-1:123456789012:alarms" }
}

variables {
  name               = "session-service-test"
  account_id         = "123456789012"
  environment        = "test"
  runbook_url        = "https://example.com/runbook.md"
  monthly_budget_usd = 0

  http_api = {
    id    = "http1"
    stage = "$default"
    routes = {
      "POST /things" = { function = "make", p95_milliseconds = 2000 }
      "GET /health"  = { function = "health", p95_milliseconds = null }
    }
  }
  websocket_api    = { id = "ws1", stage = "ws" }
  connect_function = "test-connect"
  functions = {
    make  = { name = "test-make", timeout_seconds = 10, errors_are_expected = false }
    guard = { name = "test-guard", timeout_seconds = 60, errors_are_expected = true }
  }
  consumers            = { tell = { function_name = "test-tell", mapping_uuid = "11111111-2222-3333-4444-555555555555", max_age_seconds = 20 } }
  scheduled_functions  = { clean = "test-clean" }
  tables               = { things = "test-things" }
  audio_stream         = "test-audio"
  log_metric_namespace = "Test"
  access_log_metrics   = { RefusedCount = { threshold = 10, description = "Refused.", runbook = "refused" } }
  function_log_metrics = {
    ForgottenCount = { threshold = 0, description = "Forgotten.", runbook = "forgotten" }
    StumbledCount  = { threshold = 7, description = "Stumbled.", runbook = "stumbled" }
  }
}

run "alarms" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "latency-make", "failures-make", "failures-health", "access-log-RefusedCount", "function-log-ForgottenCount", "function-log-StumbledCount",
      "rejected-requests", "rejected-connections", "not-invoked-clean",
      "errors-make", "throttles-make", "throttles-guard", "duration-make", "duration-guard",
      "throttles-table-things", "throttles-audio-stream", "stream-age-tell", "failed-records-tell", "dropped-records-tell", "id-clashes", "rate-limits-unavailable",
      "caption-latency", "undelivered-captions", "untranslated-captions", "translate-throttles", "translate-errors",
      "dropped-voice",
      "availability-fast-1h", "availability-fast-5m", "availability-slow-6h", "availability-slow-30m",
      "joining-fast-1h", "joining-fast-5m", "joining-slow-6h", "joining-slow-30m", "joins-full", "joins-limited",
    ])
    error_message = "Each route, function, table, consumer and schedule has its alarms, except for a function whose errors are expected and a route without a latency objective."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["latency-make"].threshold == 2000 &&
      aws_cloudwatch_metric_alarm.this["failures-make"].threshold == 5 &&
      aws_cloudwatch_metric_alarm.this["rejected-requests"].threshold == 50 &&
      aws_cloudwatch_metric_alarm.this["rejected-connections"].threshold == 50 &&
      aws_cloudwatch_metric_alarm.this["duration-make"].threshold == 8000 &&
      aws_cloudwatch_metric_alarm.this["duration-guard"].threshold == 48000 &&
      aws_cloudwatch_metric_alarm.this["stream-age-tell"].threshold == 20000 &&
      aws_cloudwatch_metric_alarm.this["caption-latency"].threshold == 2000 &&
      aws_cloudwatch_metric_alarm.this["untranslated-captions"].threshold == 5 &&
      aws_cloudwatch_metric_alarm.this["dropped-voice"].threshold == 5 &&
      aws_cloudwatch_metric_alarm.this["id-clashes"].threshold == 10 &&
      aws_cloudwatch_metric_alarm.this["availability-fast-1h"].threshold == 14.4 &&
      aws_cloudwatch_metric_alarm.this["availability-slow-6h"].threshold == 6 &&
      aws_cloudwatch_metric_alarm.this["joining-fast-5m"].threshold == 14.4 &&
      aws_cloudwatch_metric_alarm.this["joining-slow-30m"].threshold == 6 &&
      aws_cloudwatch_metric_alarm.this["joins-full"].threshold == 50 &&
      aws_cloudwatch_metric_alarm.this["joins-limited"].threshold == 50
    )
    error_message = "The thresholds are the service's objectives, as docs/runbook.md states them."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : length([for query in alarm.metric_query : query if query.return_data]) == 1
    ])
    error_message = "An alarm compares exactly one value."
  }

  assert {
    condition = {
      for key in ["rejected-requests", "rejected-connections"] :
      key => [for query in aws_cloudwatch_metric_alarm.this[key].metric_query : query.expression if query.return_data][0]
      } == {
      rejected-requests    = "IF(requests >= 1000, 100 * FILL(errors, 0) / requests, 0)"
      rejected-connections = "IF(errors + FILL(connects, 0) >= 1000, 100 * errors / (errors + FILL(connects, 0)), 0)"
    }
    error_message = "A few 404s notify nobody: rejections count as a share of at least 1,000 requests."
  }

  assert {
    condition = [for query in aws_cloudwatch_metric_alarm.this["joining-fast-1h"].metric_query : query.expression if query.return_data][0] == join("", [
      "IF((FILL(faults, 0) + FILL(crashes, 0) + FILL(uninvoked, 0)) >= 3, ",
      "(FILL(faults, 0) + FILL(crashes, 0) + FILL(uninvoked, 0)) / (FILL(joins, 0) + FILL(uninvoked, 0)) / 0.001, 0)",
    ])
    error_message = "A join fails by a fault, by a crash of the function, or before the function is invoked."
  }

  assert {
    condition = jsonencode({
      for query in aws_cloudwatch_metric_alarm.this["joining-fast-1h"].metric_query :
      query.id => [one(query.metric).namespace, one(query.metric).metric_name, one(query.metric).dimensions] if length(query.metric) > 0
      }) == jsonencode({
      crashes   = ["AWS/Lambda", "Errors", { FunctionName = "test-connect" }]
      faults    = ["SessionManagement", "JoinCount", { Environment = "test", Outcome = "fault" }]
      joins     = ["AWS/Lambda", "Invocations", { FunctionName = "test-connect" }]
      uninvoked = ["Test", "UninvokedConnectionCount", {}]
    })
    error_message = "Full sessions and limited addresses are no failures of joining."
  }

  assert {
    condition = jsonencode({
      for outcome in ["full", "limited"] : outcome => {
        for query in aws_cloudwatch_metric_alarm.this["joins-${outcome}"].metric_query :
        query.id => query.return_data ? query.expression : jsonencode(one(query.metric).dimensions)
      }
      }) == jsonencode({
      for outcome in ["full", "limited"] : outcome => {
        joins    = jsonencode({ FunctionName = "test-connect" })
        refusals = jsonencode({ Environment = "test", Outcome = outcome })
        value    = "IF(FILL(refusals, 0) >= 50, 100 * refusals / joins, 0)"
      }
    })
    error_message = "A few refused joins notify nobody: they count as a share of all joins."
  }

  assert {
    condition = jsonencode([
      for metric in [for key in ["failed-records-tell", "dropped-records-tell"] : one(one(aws_cloudwatch_metric_alarm.this[key].metric_query).metric)] :
      [metric.namespace, metric.metric_name, metric.dimensions, metric.stat]
      ]) == jsonencode([
      ["AWS/Lambda", "OnFailureDestinationDeliveredEventCount", { EventSourceMappingUUID = "11111111-2222-3333-4444-555555555555" }, "Sum"],
      ["AWS/Lambda", "DroppedEventCount", { EventSourceMappingUUID = "11111111-2222-3333-4444-555555555555" }, "Sum"],
    ])
    error_message = "Stored and lost records are counted by the consumer's event source mapping."
  }

  assert {
    condition     = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.treat_missing_data == "notBreaching" && alarm.comparison_operator == "GreaterThanThreshold" if key != "not-invoked-clean"])
    error_message = "A period without data is no breach: without traffic there are no data points."
  }

  assert {
    condition = jsonencode([
      for alarm in [aws_cloudwatch_metric_alarm.this["not-invoked-clean"]] :
      [one(one(alarm.metric_query).metric).metric_name, one(one(alarm.metric_query).metric).period, alarm.comparison_operator, alarm.threshold, alarm.treat_missing_data]
    ]) == jsonencode([["Invocations", 300, "LessThanThreshold", 1, "breaching"]])
    error_message = "No invocation for five minutes is a breach, also when there is no data point."
  }

  assert {
    condition = jsonencode([
      for alarm in [aws_cloudwatch_metric_alarm.this["function-log-ForgottenCount"]] :
      [one(one(alarm.metric_query).metric).namespace, one(one(alarm.metric_query).metric).metric_name, one(one(alarm.metric_query).metric).period, alarm.evaluation_periods, alarm.threshold]
    ]) == jsonencode([["Test", "ForgottenCount", 300, 1, 0]])
    error_message = "A single line about what was left undone sets off its alarm."
  }

  assert {
    condition = jsonencode([
      for alarm in [aws_cloudwatch_metric_alarm.this["function-log-StumbledCount"]] : [alarm.evaluation_periods, alarm.datapoints_to_alarm, alarm.threshold]
    ]) == jsonencode([[3, 2, 7]])
    error_message = "Lines that may pass by themselves need two periods of many."
  }

  assert {
    condition = {
      for key in ["caption-latency", "undelivered-captions", "untranslated-captions", "dropped-voice"] :
      key => [for query in aws_cloudwatch_metric_alarm.this[key].metric_query : query.expression if query.return_data][0]
      } == {
      caption-latency       = "IF(captions >= 20, latency, 0)"
      undelivered-captions  = "IF(FILL(undelivered, 0) >= 100, undelivered / captions, 0)"
      untranslated-captions = "IF(FILL(failures, 0) >= 20, 100 * failures / captions, 0)"
      dropped-voice         = "IF(FILL(dropped, 0) >= 20, 100 * dropped / (dropped + FILL(spoken, 0)), 0)"
    }
    error_message = "Few captions notify nobody."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : one(distinct([for query in alarm.metric_query : query.metric[0].period if length(query.metric) > 0])) * alarm.evaluation_periods <= 86400
    ])
    error_message = "CloudWatch evaluates at most one day, in periods of equal length."
  }
}

run "without_an_audio_stream" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  variables {
    audio_stream = null
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "throttles-audio-stream")
    error_message = "Without an audio stream nothing can be throttled."
  }
}

run "notifications" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  assert {
    condition = toset([
      for key, alarm in aws_cloudwatch_metric_alarm.this : key if length(alarm.alarm_actions) == 0
      ]) == toset([
      "availability-fast-1h", "availability-fast-5m", "availability-slow-6h", "availability-slow-30m",
      "joining-fast-1h", "joining-fast-5m", "joining-slow-6h", "joining-slow-30m",
    ])
    error_message = "Every alarm notifies the topic, except the parts of a composite alarm."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_composite_alarm.burn_rate : name => alarm.alarm_rule } == {
      availability-fast = "ALARM(\"session-service-test-availability-fast-1h\") AND ALARM(\"session-service-test-availability-fast-5m\")"
      availability-slow = "ALARM(\"session-service-test-availability-slow-30m\") AND ALARM(\"session-service-test-availability-slow-6h\")"
      joining-fast      = "ALARM(\"session-service-test-joining-fast-1h\") AND ALARM(\"session-service-test-joining-fast-5m\")"
      joining-slow      = "ALARM(\"session-service-test-joining-slow-30m\") AND ALARM(\"session-service-test-joining-slow-6h\")"
    }
    error_message = "A composite alarm goes off while both its windows are in alarm."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_composite_alarm.burn_rate : alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:alarms"])])
    error_message = "A composite alarm notifies the topic."
  }

  assert {
    condition     = try(aws_sns_topic.this.kms_master_key_id, null) != "alias/aws/sns"
    error_message = "The topic does not have the AWS managed key: CloudWatch cannot use it."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_sns_topic_policy.this.policy).Statement : statement.Condition.StringEquals["aws:SourceAccount"]
      if contains(statement.Principal.Service, "cloudwatch.amazonaws.com")
    ]) == "123456789012"
    error_message = "CloudWatch may publish to the topic, for alarms of this account only."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0 && length(aws_budgets_budget.this) == 0
    error_message = "Without an address there is no subscription, and without an amount no budget."
  }
}

run "email_and_budget" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  variables {
    email              = "operators@example.com"
    monthly_budget_usd = 200
  }

  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "operators@example.com"
    error_message = "The given address is subscribed."
  }

  assert {
    condition = (
      aws_budgets_budget.this[0].limit_amount == "200" && aws_budgets_budget.this[0].time_unit == "MONTHLY" &&
      { for notification in aws_budgets_budget.this[0].notification : notification.notification_type => notification.threshold } == { ACTUAL = 80, FORECASTED = 100 }
    )
    error_message = "The budget notifies at 80 % of the amount, and when the forecast exceeds it."
  }
}

run "a_runbook_url_with_an_anchor_is_rejected" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  variables {
    runbook_url = "https://example.com/runbook.md#top"
  }

  expect_failures = [var.runbook_url]
}
