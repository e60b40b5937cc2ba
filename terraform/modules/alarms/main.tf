# Every alarm is one entry of a map: `says` what it means for people and names its paragraph of the `runbook`; `value` is
# computed of `metrics`; it goes off when that is `above` a limit in `datapoints` of the last `periods` of `seconds`.
locals {
  five_minutes = { seconds = 300, periods = 1, datapoints = 1 }
  # A quarter of an hour, so that one bad moment wakes nobody.
  lasting = { seconds = 300, periods = 3, datapoints = 2 }

  stage_dimensions = { ApiId = var.http_api.id, Stage = var.http_api.stage }
  route_dimensions = {
    for route in keys(var.http_api.routes) : route => merge(local.stage_dimensions, zipmap(["Method", "Resource"], split(" ", route)))
  }

  latency = {
    for route, promise in var.http_api.routes : "latency-${promise.function}" => merge(local.lasting, {
      says    = "Of a hundred people, more than five wait longer than ${promise.p95_milliseconds} ms for ${route}."
      runbook = "slow-answers"
      # Of few requests the p95 is the slowest one, which a cold start makes.
      value = "IF(requests >= 20, latency, 0)"
      above = promise.p95_milliseconds
      metrics = {
        latency  = { namespace = "AWS/ApiGateway", name = "Latency", dimensions = local.route_dimensions[route], stat = "p95" }
        requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = local.route_dimensions[route], stat = "Sum" }
      }
    }) if promise.p95_milliseconds != null
  }

  # By route, for a broken one may be lost among the others' successes.
  failures = {
    for route, promise in var.http_api.routes : "failures-${promise.function}" => merge(local.lasting, {
      says    = "More than 5 % of ${route} end in a 5xx."
      runbook = "failing-requests"
      # One of two requests at night is half of them, and no reason to wake anybody.
      value = "IF(FILL(errors, 0) >= 3, 100 * errors / requests, 0)"
      above = 5
      metrics = {
        errors   = { namespace = "AWS/ApiGateway", name = "5xx", dimensions = local.route_dimensions[route], stat = "Sum" }
        requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = local.route_dimensions[route], stat = "Sum" }
      }
    })
  }

  access_log = {
    for name, count in var.access_log_metrics : "access-log-${name}" => merge(local.lasting, {
      says    = count.says
      runbook = count.runbook
      value   = "count"
      above   = count.above
      metrics = { count = { namespace = count.namespace, name = name, dimensions = {}, stat = "Sum" } }
    })
  }

  function_errors = {
    for key, function in var.functions : "errors-${key}" => merge(local.five_minutes, {
      says    = "${key} crashed, ran out of time or could not start, more than twice in five minutes."
      runbook = "failing-functions"
      value   = "errors"
      above   = 2
      metrics = { errors = { namespace = "AWS/Lambda", name = "Errors", dimensions = { FunctionName = function.name }, stat = "Sum" } }
    }) if !function.fails_to_refuse
  }

  function_throttles = {
    for key, function in var.functions : "throttles-${key}" => merge(local.five_minutes, {
      says    = "Lambda refused to run ${key}: the account has no more concurrency."
      runbook = "throttled-functions"
      value   = "throttles"
      above   = 0
      metrics = { throttles = { namespace = "AWS/Lambda", name = "Throttles", dimensions = { FunctionName = function.name }, stat = "Sum" } }
    })
  }

  function_durations = {
    for key, function in var.functions : "duration-${key}" => merge(local.lasting, {
      says    = "${key} took more than 80 % of the ${function.timeout_seconds} s after which Lambda ends it."
      runbook = "functions-near-their-limit"
      value   = "duration"
      above   = function.timeout_seconds * 800
      metrics = { duration = { namespace = "AWS/Lambda", name = "Duration", dimensions = { FunctionName = function.name }, stat = "Maximum" } }
    })
  }

  table_throttles = {
    for key, table in var.tables : "throttles-table-${key}" => merge(local.lasting, {
      says    = "DynamoDB refuses reads or writes of the ${key} table, so people wait or get 503."
      runbook = "throttled-tables"
      value   = "FILL(reads, 0) + FILL(writes, 0)"
      above   = 0
      metrics = {
        reads  = { namespace = "AWS/DynamoDB", name = "ReadThrottleEvents", dimensions = { TableName = table }, stat = "Sum" }
        writes = { namespace = "AWS/DynamoDB", name = "WriteThrottleEvents", dimensions = { TableName = table }, stat = "Sum" }
      }
    })
  }

  stream_ages = {
    for key, consumer in var.consumers : "stream-age-${key}" => {
      says       = "${key} is more than a minute behind: people hear late of what has changed."
      runbook    = "late-streams"
      seconds    = 60
      periods    = 5
      datapoints = 5
      value      = "age"
      above      = 60 * 1000
      metrics    = { age = { namespace = "AWS/Lambda", name = "IteratorAge", dimensions = { FunctionName = consumer.function_name }, stat = "Maximum" } }
    }
  }

  failed_records = {
    for key, consumer in var.consumers : "failed-records-${key}" => merge(local.five_minutes, {
      says    = "${key} could not handle some stream records, and Lambda stored them in S3. Clients may have missed a message, or a listener count is wrong."
      runbook = "failed-records"
      value   = "records"
      above   = 0
      metrics = { records = { namespace = "AWS/Lambda", name = "OnFailureDestinationDeliveredEventCount", dimensions = { EventSourceMappingUUID = consumer.mapping_uuid }, stat = "Sum" } }
    })
  }

  dropped_records = {
    for key, consumer in var.consumers : "dropped-records-${key}" => merge(local.five_minutes, {
      says    = "${key} could not handle some stream records, and Lambda could not store them in S3 either: they are lost."
      runbook = "dropped-records"
      value   = "records"
      above   = 0
      metrics = { records = { namespace = "AWS/Lambda", name = "DroppedEventCount", dimensions = { EventSourceMappingUUID = consumer.mapping_uuid }, stat = "Sum" } }
    })
  }

  own = {
    id-clashes = {
      says       = "More than 10 % of new sessions meet an id that is taken: ids run short."
      runbook    = "ids-run-short"
      seconds    = 3600
      periods    = 1
      datapoints = 1
      # When every id is taken there are clashes and no creations.
      value = "IF(FILL(clashes, 0) >= 10, 100 * clashes / IF(FILL(creations, 0) > 0, creations, 1), 0)"
      above = 10
      metrics = {
        clashes   = { namespace = "SessionManagement", name = "SessionIdClashCount", dimensions = { Environment = var.environment }, stat = "Sum" }
        creations = { namespace = "SessionManagement", name = "SessionCreationCount", dimensions = { Environment = var.environment }, stat = "Sum" }
      }
    }

    rate-limits-unavailable = merge(local.lasting, {
      says    = "The rate limits are off because their table does not answer: nobody is refused, and nobody is held back."
      runbook = "rate-limits-off"
      value   = "uncounted"
      above   = 0
      metrics = {
        uncounted = { namespace = "SessionManagement", name = "RateLimitUnavailableCount", dimensions = { Environment = var.environment }, stat = "Sum" }
      }
    })
  }

  # Two speeds of spending the 0.1 % of requests that may fail in 30 days, each seen in a long window and still true in a
  # short one: https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts
  burn_rates = {
    fast = { times = 14.4, windows = { "1h" = 3600, "5m" = 300 }, says = "The month's allowance of failed requests is gone in two days at this rate, 2 % of it within the hour." }
    slow = { times = 6, windows = { "6h" = 21600, "30m" = 1800 }, says = "The month's allowance of failed requests is gone in five days at this rate, 5 % of it within six hours." }
  }

  burn_windows = merge([
    for speed, rate in local.burn_rates : {
      for window, seconds in rate.windows : "availability-${speed}-${window}" => {
        says       = "Requests fail ${rate.times} times as often as 99.9 % availability allows, seen over ${window}. Half of availability-${speed}, which tells people."
        runbook    = "availability-is-spent"
        seconds    = seconds
        periods    = 1
        datapoints = 1
        tells      = false
        value      = "IF(FILL(errors, 0) >= 3, errors / requests / 0.001, 0)"
        above      = rate.times
        metrics = {
          errors   = { namespace = "AWS/ApiGateway", name = "5xx", dimensions = local.stage_dimensions, stat = "Sum" }
          requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = local.stage_dimensions, stat = "Sum" }
        }
      }
    }
  ]...)

  alarms = merge(
    local.latency, local.failures, local.access_log, local.function_errors, local.function_throttles, local.function_durations,
    local.table_throttles, local.stream_ages, local.failed_records, local.dropped_records, local.own, local.burn_windows,
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.says} ${var.runbook_url}#${each.value.runbook}"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  # What nobody asks for cannot fail: these metrics pause when there is no traffic.
  treat_missing_data = "notBreaching"
  alarm_actions      = lookup(each.value, "tells", true) ? [aws_sns_topic.this.arn] : []
  ok_actions         = lookup(each.value, "tells", true) ? [aws_sns_topic.this.arn] : []

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id          = metric_query.key
      return_data = each.value.value == metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = each.value.seconds
      }
    }
  }

  dynamic "metric_query" {
    for_each = contains(keys(each.value.metrics), each.value.value) ? [] : [each.value.value]
    content {
      id          = "value"
      expression  = metric_query.value
      return_data = true
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "burn_rate" {
  for_each = local.burn_rates

  alarm_name        = "${var.name}-availability-${each.key}"
  alarm_description = "${each.value.says} ${var.runbook_url}#availability-is-spent"
  alarm_rule = join(" AND ", [
    for window in keys(each.value.windows) : "ALARM(\"${aws_cloudwatch_metric_alarm.this["availability-${each.key}-${window}"].alarm_name}\")"
  ])
  alarm_actions = [aws_sns_topic.this.arn]
  ok_actions    = [aws_sns_topic.this.arn]
}
