# Alarms and the dashboard. docs/runbook.md says what to do when an alarm goes off.
locals {
  # The service's latency objective: the p95 of each route in milliseconds, by function; null for a route without one.
  p95_milliseconds = {
    create_session = 2000
    get_session    = 500
    list_sessions  = 1000
    update_session = 1000
    delete_session = 1000
    list_captions  = 1000
    health         = null
  }

  # API Gateway has no metrics for these: they are counted in its access logs, where `-` stands for an empty value. One without a
  # threshold has no alarm of its own.
  log_metric_namespace = "SessionManagement/${var.environment}"
  access_log_metrics = {
    ThrottledRequestCount = {
      log_group   = module.http_api.access_log_group
      pattern     = "{ $.status = \"429\" && $.integrationId = \"-\" }"
      threshold   = 10
      description = "The HTTP API throttled more than ten requests in five minutes (429)."
      runbook     = "throttled-requests"
    }
    ThrottledConnectionCount = {
      log_group   = module.websocket_api.access_log_group
      pattern     = "{ $.status = \"429\" && $.integrationId = \"-\" }"
      threshold   = 10
      description = "The WebSocket API throttled more than ten handshakes or messages in five minutes (429)."
      runbook     = "throttled-requests"
    }
    # Without 503, which also means that a session is full. An authorizer that crashes shows here only, as a 500.
    FailedConnectionCount = {
      log_group   = module.websocket_api.access_log_group
      pattern     = "{ $.status = \"500\" || $.status = \"502\" || $.status = \"504\" }"
      threshold   = 2
      description = "Listeners cannot connect: handshakes of the WebSocket API fail."
      runbook     = "failing-connections"
    }
    # Handshakes that failed before connect_session was invoked, so that the function counted no outcome. The objective of joining
    # adds them to the outcome `fault` and to the crashes of the function, and counts no failure twice.
    UninvokedConnectionCount = {
      log_group   = module.websocket_api.access_log_group
      pattern     = "{ ($.status = \"500\" || $.status = \"502\" || $.status = \"504\") && $.integrationId = \"-\" }"
      threshold   = null
      description = null
      runbook     = null
    }
  }

  # How far behind its stream a consumer may be: a minute, but less where somebody waits for its messages.
  max_stream_age_seconds = { translate_captions = 10, connection_admitted = 10, speak_captions = 10 }

  # Functions of the WebSocket API's messages: all but those of $connect and $disconnect. Audio has a count of its own.
  message_functions = [for route, name in local.websocket_routes : name if !startswith(route, "$") && name != "send_audio"]

  # Lines in the logs of functions, and the functions that may write them. With a `message` the level is ERROR, and each line is one
  # thing that was left undone.
  function_log_metrics = {
    UnreadableRowCount = {
      message     = "A row cannot be read"
      threshold   = 0
      functions   = [for name, function in local.functions : name if length(function.dynamodb_actions) > 0]
      description = "A function cannot read a row of a table and skips it: its session or its listener is missed."
      runbook     = "rows-that-cannot-be-read"
    }
    UnreachableConnectionCount = {
      message     = "A connection cannot be reached"
      threshold   = 0
      functions   = [for name, function in local.functions : name if can(function.manages_connections)]
      description = "API Gateway refuses messages to a connection, or its end: its client may miss what happens to its session."
      runbook     = "connections-that-cannot-be-reached"
    }
    UnsweptSessionCount = {
      message     = "A session cannot be swept yet"
      threshold   = 0
      functions   = keys(local.schedules)
      description = "sweep_sessions fails for a session and tries it again in five minutes: its end or its message is late."
      runbook     = "sessions-that-cannot-be-swept"
    }
    # The answer to a message has no status, so API Gateway counts no failure. The status is in the function's own line.
    FailedMessageCount = {
      pattern     = "{ $.status = 500 || $.status = 503 }"
      threshold   = 10
      functions   = local.message_functions
      description = "More than ten messages in five minutes were answered with INTERNAL_ERROR or SERVICE_UNAVAILABLE: captions are not published, or languages not changed."
      runbook     = "failing-messages"
    }
    # Not those that a pause, an end or missing rights explain. Only a signed-in speaker can send what is counted as invalid.
    RefusedAudioCount = {
      pattern     = "{ $.status = 400 || $.status = 500 || $.status = 503 }"
      threshold   = 10
      functions   = [for name in values(local.websocket_routes) : name if name == "send_audio"]
      description = "More than ten chunks of audio in five minutes were invalid, or could not be put on the audio stream: what was said is not recognized."
      runbook     = "refused-audio"
    }
  }

  function_log_patterns = {
    for metric, log in local.function_log_metrics :
    metric => can(log.pattern) ? log.pattern : "{ $.level = \"ERROR\" && $.message = \"${log.message}\" }"
  }
}

resource "aws_cloudwatch_log_metric_filter" "access" {
  for_each = local.access_log_metrics

  name           = each.key
  log_group_name = each.value.log_group
  pattern        = each.value.pattern

  metric_transformation {
    name          = each.key
    namespace     = local.log_metric_namespace
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_log_metric_filter" "function" {
  for_each = merge([
    for metric, log in local.function_log_metrics : {
      for name in log.functions : "${metric}-${name}" => { metric = metric, function = name }
    }
  ]...)

  name           = each.value.metric
  log_group_name = module.function[each.value.function].log_group
  pattern        = local.function_log_patterns[each.value.metric]

  metric_transformation {
    name          = each.value.metric
    namespace     = local.log_metric_namespace
    value         = "1"
    default_value = "0"
  }
}

module "alarms" {
  source = "./modules/alarms"
  count  = var.alarms ? 1 : 0

  name               = local.prefix
  account_id         = data.aws_caller_identity.current.account_id
  environment        = var.environment
  runbook_url        = var.runbook_url
  email              = var.alarm_email
  monthly_budget_usd = var.monthly_budget_usd

  http_api = {
    id     = module.http_api.id
    stage  = module.http_api.stage
    routes = { for route, name in local.http_routes : route => { function = name, p95_milliseconds = local.p95_milliseconds[name] } }
  }

  websocket_api    = { id = module.websocket_api.id, stage = module.websocket_api.stage }
  connect_function = module.function[local.websocket_routes["$connect"]].name

  functions = {
    for name, function in module.function : name => {
      name            = function.name
      timeout_seconds = function.timeout_seconds
      # An authorizer rejects an invalid token by an error, so that a client with an invalid token could set off its alarm.
      errors_are_expected = contains(values(local.authorizers), name)
    }
  }

  consumers = {
    for name, consumer in module.stream_consumer : name => {
      function_name   = module.function[name].name
      mapping_uuid    = consumer.mapping_uuid
      max_age_seconds = lookup(local.max_stream_age_seconds, name, 60)
    }
  }

  scheduled_functions = { for name in keys(local.schedules) : name => module.function[name].name }

  tables = { for name, table in module.table : name => table.name }

  log_metric_namespace = local.log_metric_namespace
  access_log_metrics = {
    for name, metric in local.access_log_metrics : name => {
      threshold   = metric.threshold
      description = metric.description
      runbook     = metric.runbook
    } if metric.threshold != null
  }
  function_log_metrics = {
    for name, metric in local.function_log_metrics : name => {
      threshold   = metric.threshold
      description = metric.description
      runbook     = metric.runbook
    } if length(metric.functions) > 0
  }

  audio_stream = one(module.audio_stream[*].name)
}

module "dashboard" {
  source = "./modules/dashboard"

  name                 = local.prefix
  region               = var.aws_region
  environment          = var.environment
  runbook_url          = var.runbook_url
  alarm_arns           = flatten(module.alarms[*].arns)
  http_api             = { id = module.http_api.id, stage = module.http_api.stage, routes = local.http_routes }
  websocket_log_group  = module.websocket_api.access_log_group
  connect_function     = module.function[local.websocket_routes["$connect"]].name
  log_metric_namespace = local.log_metric_namespace
  max_listeners        = var.max_listeners
  p95_milliseconds     = local.p95_milliseconds
  function_names       = { for name, function in module.function : name => function.name }
  table_names          = { for name, table in module.table : name => table.name }
  mapping_uuids        = { for name, consumer in module.stream_consumer : name => consumer.mapping_uuid }
  scheduled_functions  = { for name in keys(local.schedules) : name => module.function[name].name }
  audio_stream         = one(module.audio_stream[*].name)
}
