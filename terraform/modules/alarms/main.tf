# Each alarm is one entry of a map. `value` is an expression over `metrics`; the alarm goes off when it is greater than
# `threshold` in `datapoints` of the last `periods` periods of `seconds`, or less than it where `below` is set. `description` says
# what that means for users, and `runbook` is the anchor of its section in docs/runbook.md.
locals {
  five_minutes = { seconds = 300, periods = 1, datapoints = 1 }
  # For values that a single short peak may exceed.
  two_of_three = { seconds = 300, periods = 3, datapoints = 2 }

  stage_dimensions     = { ApiId = var.http_api.id, Stage = var.http_api.stage }
  websocket_dimensions = { ApiId = var.websocket_api.id, Stage = var.websocket_api.stage }
  route_dimensions = {
    for route in keys(var.http_api.routes) : route => merge(local.stage_dimensions, zipmap(["Method", "Resource"], split(" ", route)))
  }

  latency = {
    for route, objective in var.http_api.routes : "latency-${objective.function}" => merge(local.two_of_three, {
      description = "More than 5 % of the requests to ${route} take longer than ${objective.p95_milliseconds} ms."
      runbook     = "slow-answers"
      # With fewer requests the p95 is the slowest of them, which may be a single cold start.
      value     = "IF(requests >= 20, latency, 0)"
      threshold = objective.p95_milliseconds
      metrics = {
        latency  = { namespace = "AWS/ApiGateway", name = "Latency", dimensions = local.route_dimensions[route], stat = "p95" }
        requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = local.route_dimensions[route], stat = "Sum" }
      }
    }) if objective.p95_milliseconds != null
  }

  # By route: the failures of one route may be few among the requests of all.
  failures = {
    for route, objective in var.http_api.routes : "failures-${objective.function}" => merge(local.two_of_three, {
      description = "More than 5 % of the requests to ${route} end in a 5xx."
      runbook     = "failing-requests"
      # With little traffic one failed request may be 50 % of all.
      value     = "IF(FILL(errors, 0) >= 3, 100 * errors / requests, 0)"
      threshold = 5
      metrics = {
        errors   = { namespace = "AWS/ApiGateway", name = "5xx", dimensions = local.route_dimensions[route], stat = "Sum" }
        requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = local.route_dimensions[route], stat = "Sum" }
      }
    })
  }

  access_log = {
    for name, count in var.access_log_metrics : "access-log-${name}" => merge(local.two_of_three, {
      description = count.description
      runbook     = count.runbook
      value       = "count"
      threshold   = count.threshold
      metrics     = { count = { namespace = var.log_metric_namespace, name = name, dimensions = {}, stat = "Sum" } }
    })
  }

  function_log = {
    # A single line of what was left undone is a reason to act; a few failures may pass by themselves.
    for name, count in var.function_log_metrics : "function-log-${name}" => merge(count.threshold == 0 ? local.five_minutes : local.two_of_three, {
      description = count.description
      runbook     = count.runbook
      value       = "count"
      threshold   = count.threshold
      metrics     = { count = { namespace = var.log_metric_namespace, name = name, dimensions = {}, stat = "Sum" } }
    })
  }

  missing_invocations = {
    for key, function in var.scheduled_functions : "not-invoked-${key}" => merge(local.five_minutes, {
      description = "${key} was not invoked for five minutes: sessions end late, and lost connections of speakers go unnoticed."
      runbook     = "schedules-that-do-not-run"
      value       = "invocations"
      below       = true
      threshold   = 1
      metrics     = { invocations = { namespace = "AWS/Lambda", name = "Invocations", dimensions = { FunctionName = function }, stat = "Sum" } }
    })
  }

  # API Gateway promises no access logs under a flood of 429. Its metrics count every 4xx, so these alarms need a share of many
  # requests: a few clients that ask for unknown sessions are no reason to act.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-monitor.html
  rejections = {
    rejected-requests = merge(local.five_minutes, {
      description = "More than half of at least 1,000 requests to the HTTP API in five minutes ended in a 4xx."
      runbook     = "rejected-requests"
      value       = "IF(requests >= 1000, 100 * FILL(errors, 0) / requests, 0)"
      threshold   = 50
      metrics = {
        errors   = { namespace = "AWS/ApiGateway", name = "4xx", dimensions = local.stage_dimensions, stat = "Sum" }
        requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = local.stage_dimensions, stat = "Sum" }
      }
    })

    # ClientError counts what API Gateway rejects before it invokes connect_session, ConnectCount the handshakes that reach it.
    rejected-connections = merge(local.five_minutes, {
      description = "More than half of at least 1,000 handshakes and messages of the WebSocket API in five minutes were rejected with a 4xx."
      runbook     = "rejected-requests"
      value       = "IF(errors + FILL(connects, 0) >= 1000, 100 * errors / (errors + FILL(connects, 0)), 0)"
      threshold   = 50
      metrics = {
        errors   = { namespace = "AWS/ApiGateway", name = "ClientError", dimensions = local.websocket_dimensions, stat = "Sum" }
        connects = { namespace = "AWS/ApiGateway", name = "ConnectCount", dimensions = local.websocket_dimensions, stat = "Sum" }
      }
    })
  }

  function_errors = {
    for key, function in var.functions : "errors-${key}" => merge(local.five_minutes, {
      description = "${key} crashed, timed out or failed to start more than twice in five minutes."
      runbook     = "failing-functions"
      value       = "errors"
      threshold   = 2
      metrics     = { errors = { namespace = "AWS/Lambda", name = "Errors", dimensions = { FunctionName = function.name }, stat = "Sum" } }
    }) if !function.errors_are_expected
  }

  function_throttles = {
    for key, function in var.functions : "throttles-${key}" => merge(local.five_minutes, {
      description = "Lambda throttled ${key}: the account's concurrency is used up."
      runbook     = "throttled-functions"
      value       = "throttles"
      threshold   = 0
      metrics     = { throttles = { namespace = "AWS/Lambda", name = "Throttles", dimensions = { FunctionName = function.name }, stat = "Sum" } }
    })
  }

  function_durations = {
    for key, function in var.functions : "duration-${key}" => merge(local.two_of_three, {
      description = "${key} took more than 80 % of its timeout of ${function.timeout_seconds} s."
      runbook     = "functions-near-their-limit"
      value       = "duration"
      threshold   = function.timeout_seconds * 800 # milliseconds
      metrics     = { duration = { namespace = "AWS/Lambda", name = "Duration", dimensions = { FunctionName = function.name }, stat = "Maximum" } }
    })
  }

  table_throttles = {
    for key, table in var.tables : "throttles-table-${key}" => merge(local.two_of_three, {
      description = "DynamoDB throttles reads or writes of the ${key} table. Requests take longer or end in a 503."
      runbook     = "throttled-tables"
      value       = "FILL(reads, 0) + FILL(writes, 0)"
      threshold   = 0
      metrics = {
        reads  = { namespace = "AWS/DynamoDB", name = "ReadThrottleEvents", dimensions = { TableName = table }, stat = "Sum" }
        writes = { namespace = "AWS/DynamoDB", name = "WriteThrottleEvents", dimensions = { TableName = table }, stat = "Sum" }
      }
    })
  }

  audio_throttles = {
    for stream in compact([var.audio_stream]) : "throttles-audio-stream" => merge(local.two_of_three, {
      description = "Kinesis throttles the audio stream: chunks of audio are refused."
      runbook     = "throttled-audio-stream"
      value       = "throttles"
      threshold   = 0
      metrics     = { throttles = { namespace = "AWS/Kinesis", name = "WriteProvisionedThroughputExceeded", dimensions = { StreamName = stream }, stat = "Sum" } }
    })
  }

  stream_ages = {
    for key, consumer in var.consumers : "stream-age-${key}" => {
      description = "${key} is more than ${consumer.max_age_seconds} s behind its stream: clients receive messages late."
      runbook     = "late-streams"
      seconds     = 60
      periods     = 5
      datapoints  = 5
      value       = "age"
      threshold   = consumer.max_age_seconds * 1000 # milliseconds
      metrics     = { age = { namespace = "AWS/Lambda", name = "IteratorAge", dimensions = { FunctionName = consumer.function_name }, stat = "Maximum" } }
    }
  }

  failed_records = {
    for key, consumer in var.consumers : "failed-records-${key}" => merge(local.five_minutes, {
      description = "${key} could not handle some stream records, and Lambda stored them in S3. Clients may have missed a message, or a listener count is wrong."
      runbook     = "failed-records"
      value       = "records"
      threshold   = 0
      metrics     = { records = { namespace = "AWS/Lambda", name = "OnFailureDestinationDeliveredEventCount", dimensions = { EventSourceMappingUUID = consumer.mapping_uuid }, stat = "Sum" } }
    })
  }

  dropped_records = {
    for key, consumer in var.consumers : "dropped-records-${key}" => merge(local.five_minutes, {
      description = "${key} could not handle some stream records, and Lambda could not store them in S3 either: they are lost."
      runbook     = "dropped-records"
      value       = "records"
      threshold   = 0
      metrics     = { records = { namespace = "AWS/Lambda", name = "DroppedEventCount", dimensions = { EventSourceMappingUUID = consumer.mapping_uuid }, stat = "Sum" } }
    })
  }

  service = {
    id-clashes = {
      description = "More than 10 % of new sessions drew a session id that was taken: few ids are left."
      runbook     = "ids-run-short"
      seconds     = 3600
      periods     = 1
      datapoints  = 1
      # Without a creation the divisor would be 0: when every id is taken, there are only clashes.
      value     = "IF(FILL(clashes, 0) >= 10, 100 * clashes / IF(FILL(creations, 0) > 0, creations, 1), 0)"
      threshold = 10
      metrics = {
        clashes   = { namespace = "SessionManagement", name = "SessionIdClashCount", dimensions = { Environment = var.environment }, stat = "Sum" }
        creations = { namespace = "SessionManagement", name = "SessionCreationCount", dimensions = { Environment = var.environment }, stat = "Sum" }
      }
    }

    rate-limits-unavailable = merge(local.two_of_three, {
      description = "The rate limits table does not answer, so requests pass without a rate limit."
      runbook     = "rate-limits-off"
      value       = "uncounted"
      threshold   = 0
      metrics = {
        uncounted = { namespace = "SessionManagement", name = "RateLimitUnavailableCount", dimensions = { Environment = var.environment }, stat = "Sum" }
      }
    })
  }

  caption_metrics = {
    for name in ["CaptionCount", "CaptionLatency", "TranslationFailureCount", "UndeliveredCaptionCount"] :
    name => { namespace = "SessionManagement", name = name, dimensions = { Environment = var.environment }, stat = name == "CaptionLatency" ? "p95" : "Sum" }
  }

  captions = {
    caption-latency = merge(local.two_of_three, {
      description = "More than 5 % of the captions reached their last listener later than 2 s after they were published."
      runbook     = "slow-captions"
      # With fewer captions the p95 is the slowest of them, which may be a single cold start.
      value     = "IF(captions >= 20, latency, 0)"
      threshold = 2000 # milliseconds
      metrics   = { latency = local.caption_metrics.CaptionLatency, captions = local.caption_metrics.CaptionCount }
    })

    undelivered-captions = merge(local.two_of_three, {
      description = "On average more than one listener missed each caption, and at least 100 did in five minutes."
      runbook     = "undelivered-captions"
      value       = "IF(FILL(undelivered, 0) >= 100, undelivered / captions, 0)"
      threshold   = 1
      metrics     = { undelivered = local.caption_metrics.UndeliveredCaptionCount, captions = local.caption_metrics.CaptionCount }
    })

    untranslated-captions = merge(local.two_of_three, {
      description = "For 100 captions more than five translations failed, and at least 20 in five minutes: listeners got the speaker's language."
      runbook     = "untranslated-captions"
      value       = "IF(FILL(failures, 0) >= 20, 100 * failures / captions, 0)"
      threshold   = 5
      metrics     = { failures = local.caption_metrics.TranslationFailureCount, captions = local.caption_metrics.CaptionCount }
    })
  }

  voice_metrics = {
    for name in ["VoiceCount", "VoiceDroppedCount"] :
    name => { namespace = "SessionManagement", name = name, dimensions = { Environment = var.environment }, stat = "Sum" }
  }

  voice = {
    dropped-voice = merge(local.two_of_three, {
      description = "More than 5 % of the voices were dropped, and at least 20 in five minutes: listeners of premium sessions read and do not hear."
      runbook     = "dropped-voice"
      value       = "IF(FILL(dropped, 0) >= 20, 100 * dropped / (dropped + FILL(spoken, 0)), 0)"
      threshold   = 5
      metrics     = { dropped = local.voice_metrics.VoiceDroppedCount, spoken = local.voice_metrics.VoiceCount }
    })
  }

  # Of all that the account sends to Amazon Translate. Our own count of failures has also what took longer than 1 s.
  # https://docs.aws.amazon.com/translate/latest/dg/translate-cloudwatch.html
  translate = {
    for alarm, metric in {
      throttles = { name = "ThrottledCount", description = "throttled" }
      errors    = { name = "ServerErrorCount", description = "answered with a 5xx" }
      } : "translate-${alarm}" => merge(local.two_of_three, {
        description = "Amazon Translate ${metric.description} more than ten requests of the account in five minutes: listeners got the speaker's language."
        runbook     = "untranslated-captions"
        value       = "count"
        threshold   = 10
        metrics     = { count = { namespace = "AWS/Translate", name = metric.name, dimensions = { Operation = "TranslateText" }, stat = "Sum" } }
    })
  }

  # What one invocation of connect_session ended as, counted by itself. It counts none when it crashes or times out.
  join_outcomes = {
    for outcome in ["full", "limited", "fault"] : outcome => {
      namespace = "SessionManagement", name = "JoinCount", dimensions = { Environment = var.environment, Outcome = outcome }, stat = "Sum"
    }
  }
  joins = { namespace = "AWS/Lambda", name = "Invocations", dimensions = { FunctionName = var.connect_function }, stat = "Sum" }

  refused_joins = {
    for outcome, refusal in {
      full    = { description = "their session is full", runbook = "full-sessions" }
      limited = { description = "too many joined from their address within a minute", runbook = "limited-addresses" }
      } : "joins-${outcome}" => merge(local.two_of_three, {
        description = "More than half of the joins, and at least 50 in five minutes, were refused because ${refusal.description}."
        runbook     = refusal.runbook
        value       = "IF(FILL(refusals, 0) >= 50, 100 * refusals / joins, 0)"
        threshold   = 50
        metrics     = { refusals = local.join_outcomes[outcome], joins = local.joins }
    })
  }

  # 99.9 % of the requests, and of the joins, of 30 days. The other 0.1 % are the error budget, and a burn rate is the error rate
  # divided by 0.1 %. Each composite alarm needs a long window (the rate is significant) and a short one (it has not stopped).
  # https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts
  error_budget = 0.001
  objectives = {
    availability = {
      description = "requests to the HTTP API"
      runbook     = "availability-is-spent"
      errors      = "FILL(errors, 0)"
      requests    = "requests"
      metrics = {
        errors   = { namespace = "AWS/ApiGateway", name = "5xx", dimensions = local.stage_dimensions, stat = "Sum" }
        requests = { namespace = "AWS/ApiGateway", name = "Count", dimensions = local.stage_dimensions, stat = "Sum" }
      }
    }
    # `crashes` are errors and timeouts of the function, and `uninvoked` are failures of API Gateway before it: each failed join is
    # in one of the three metrics. That a session is full, or an address limited, is an answer and no failure.
    joining = {
      description = "joins"
      runbook     = "joining-fails"
      errors      = "(FILL(faults, 0) + FILL(crashes, 0) + FILL(uninvoked, 0))"
      requests    = "(FILL(joins, 0) + FILL(uninvoked, 0))"
      metrics = {
        faults    = local.join_outcomes.fault
        crashes   = { namespace = "AWS/Lambda", name = "Errors", dimensions = { FunctionName = var.connect_function }, stat = "Sum" }
        uninvoked = { namespace = var.log_metric_namespace, name = "UninvokedConnectionCount", dimensions = {}, stat = "Sum" }
        joins     = local.joins
      }
    }
  }

  speeds = {
    fast = { rate = 14.4, windows = { "1h" = 3600, "5m" = 300 }, description = "The error budget of 30 days lasts two days at this rate: 2 % of it was used within one hour." }
    slow = { rate = 6, windows = { "6h" = 21600, "30m" = 1800 }, description = "The error budget of 30 days lasts five days at this rate: 5 % of it was used within six hours." }
  }

  burn_rates = merge([
    for name, objective in local.objectives : {
      for speed, burn in local.speeds : "${name}-${speed}" => merge(burn, { objective = objective })
    }
  ]...)

  burn_windows = merge([
    for name, burn in local.burn_rates : {
      for window, seconds in burn.windows : "${name}-${window}" => {
        description = "The error rate of ${burn.objective.description} in the last ${window} was more than ${burn.rate} times what the objective of 99.9 % allows. Part of the composite alarm ${name}, which notifies operators."
        runbook     = burn.objective.runbook
        seconds     = seconds
        periods     = 1
        datapoints  = 1
        notifies    = false
        value       = "IF(${burn.objective.errors} >= 3, ${burn.objective.errors} / ${burn.objective.requests} / ${local.error_budget}, 0)"
        threshold   = burn.rate
        metrics     = burn.objective.metrics
      }
    }
  ]...)

  alarms = merge(
    local.latency, local.failures, local.access_log, local.function_log, local.rejections, local.function_errors, local.function_throttles,
    local.function_durations, local.missing_invocations, local.table_throttles, local.stream_ages, local.failed_records, local.dropped_records,
    local.audio_throttles, local.service, local.captions, local.voice, local.translate, local.refused_joins, local.burn_windows,
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.description} ${var.runbook_url}#${each.value.runbook}"
  comparison_operator = lookup(each.value, "below", false) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  # Without traffic these metrics have no data points. What must not be low has none when nothing happens at all.
  treat_missing_data = lookup(each.value, "below", false) ? "breaching" : "notBreaching"
  alarm_actions      = lookup(each.value, "notifies", true) ? [aws_sns_topic.this.arn] : []
  ok_actions         = lookup(each.value, "notifies", true) ? [aws_sns_topic.this.arn] : []

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

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.description} ${var.runbook_url}#${each.value.objective.runbook}"
  alarm_rule = join(" AND ", [
    for window in keys(each.value.windows) : "ALARM(\"${aws_cloudwatch_metric_alarm.this["${each.key}-${window}"].alarm_name}\")"
  ])
  alarm_actions = [aws_sns_topic.this.arn]
  ok_actions    = [aws_sns_topic.this.arn]
}
