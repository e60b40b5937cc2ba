# modules/alarms: when an alarm goes off, whom it tells, and what it costs to be told of money.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_sns_topic.this
  values          = { arn = "arn:aws:sns:us-east-1:123456789012:alarms" }
}

override_resource {
  override_during = plan
  target          = aws_kms_key.topic
  values          = { arn = "arn:aws:kms:us-east-1:123456789012:key/own" }
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
  functions = {
    make  = { name = "test-make", timeout_seconds = 10, fails_to_refuse = false }
    guard = { name = "test-guard", timeout_seconds = 60, fails_to_refuse = true }
  }
  consumers          = { tell = { function_name = "test-tell", mapping_uuid = "11111111-2222-3333-4444-555555555555" } }
  tables             = { things = "test-things" }
  access_log_metrics = { RefusedCount = { namespace = "Test", above = 10, says = "Refused.", runbook = "refused" } }
}

run "what_is_watched" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "latency-make", "failures-make", "failures-health", "access-log-RefusedCount",
      "errors-make", "throttles-make", "throttles-guard", "duration-make", "duration-guard",
      "throttles-table-things", "stream-age-tell", "failed-records-tell", "dropped-records-tell", "id-clashes", "rate-limits-unavailable",
      "availability-fast-1h", "availability-fast-5m", "availability-slow-6h", "availability-slow-30m",
    ])
    error_message = "Each route, function, table and consumer is watched; a function that refuses by failing may fail, and a route without a promise may be slow."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["latency-make"].threshold == 2000 &&
      aws_cloudwatch_metric_alarm.this["failures-make"].threshold == 5 &&
      aws_cloudwatch_metric_alarm.this["duration-make"].threshold == 8000 &&
      aws_cloudwatch_metric_alarm.this["duration-guard"].threshold == 48000 &&
      aws_cloudwatch_metric_alarm.this["stream-age-tell"].threshold == 60000 &&
      aws_cloudwatch_metric_alarm.this["id-clashes"].threshold == 10 &&
      aws_cloudwatch_metric_alarm.this["availability-fast-1h"].threshold == 14.4 &&
      aws_cloudwatch_metric_alarm.this["availability-slow-6h"].threshold == 6
    )
    error_message = "The limits are those that the service promises: docs/runbook.md says them."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : length([for query in alarm.metric_query : query if query.return_data]) == 1
    ])
    error_message = "An alarm goes by exactly one value."
  }

  assert {
    condition = jsonencode([
      for metric in [for key in ["failed-records-tell", "dropped-records-tell"] : one(one(aws_cloudwatch_metric_alarm.this[key].metric_query).metric)] :
      [metric.namespace, metric.metric_name, metric.dimensions, metric.stat]
      ]) == jsonencode([
      ["AWS/Lambda", "OnFailureDestinationDeliveredEventCount", { EventSourceMappingUUID = "11111111-2222-3333-4444-555555555555" }, "Sum"],
      ["AWS/Lambda", "DroppedEventCount", { EventSourceMappingUUID = "11111111-2222-3333-4444-555555555555" }, "Sum"],
    ])
    error_message = "The records of a consumer that were stored and those that were lost are counted by its mapping."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.treat_missing_data == "notBreaching"])
    error_message = "A metric without data is no failure: it pauses when there is no traffic."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this : one(distinct([for query in alarm.metric_query : query.metric[0].period if length(query.metric) > 0])) * alarm.evaluation_periods <= 86400
    ])
    error_message = "CloudWatch looks back one day at most, over periods of one length."
  }
}

run "who_is_told" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  assert {
    condition = toset([
      for key, alarm in aws_cloudwatch_metric_alarm.this : key if length(alarm.alarm_actions) == 0
    ]) == toset(["availability-fast-1h", "availability-fast-5m", "availability-slow-6h", "availability-slow-30m"])
    error_message = "Every alarm tells, but for the halves of a pair."
  }

  assert {
    condition = { for speed, alarm in aws_cloudwatch_composite_alarm.burn_rate : speed => alarm.alarm_rule } == {
      fast = "ALARM(\"session-service-test-availability-fast-1h\") AND ALARM(\"session-service-test-availability-fast-5m\")"
      slow = "ALARM(\"session-service-test-availability-slow-30m\") AND ALARM(\"session-service-test-availability-slow-6h\")"
    }
    error_message = "A rate alarms when the long window sees it and the short one still does."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_composite_alarm.burn_rate : alarm.alarm_actions == toset(["arn:aws:sns:us-east-1:123456789012:alarms"])])
    error_message = "The pair tells the topic."
  }

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == "arn:aws:kms:us-east-1:123456789012:key/own"
    error_message = "CloudWatch cannot write to a topic under AWS's own key."
  }

  assert {
    condition = alltrue([
      for policy in [aws_kms_key.topic.policy, aws_sns_topic_policy.this.policy] : anytrue([
        for statement in jsondecode(policy).Statement :
        contains(try(statement.Principal.Service, []), "cloudwatch.amazonaws.com") && try(statement.Condition.StringEquals["aws:SourceAccount"], "") == "123456789012"
      ])
    ])
    error_message = "CloudWatch may use both the topic and its key, for this account's alarms alone."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0 && length(aws_budgets_budget.this) == 0
    error_message = "Without an address nobody is written to, and without a budget money is not watched."
  }
}

run "money" {
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
    error_message = "Whoever is named is written to."
  }

  assert {
    condition = (
      aws_budgets_budget.this[0].limit_amount == "200" && aws_budgets_budget.this[0].time_unit == "MONTHLY" &&
      { for told in aws_budgets_budget.this[0].notification : told.notification_type => told.threshold } == { ACTUAL = 80, FORECASTED = 100 }
    )
    error_message = "A month's money is told of at 80 %, and as soon as it will not last."
  }
}

run "a_runbook_without_an_anchor" {
  command = plan

  module {
    source = "./modules/alarms"
  }

  variables {
    runbook_url = "https://example.com/runbook.md#top"
  }

  expect_failures = [var.runbook_url]
}
