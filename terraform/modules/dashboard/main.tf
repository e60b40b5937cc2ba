# Four questions in the first row, and details below each of them. The fourth row has captions, the last one joins, what happens without a request, and audio if there is an audio stream.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
locals {
  palette = ["#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#d62728", "#aec7e8", "#ffbb78", "#98df8a", "#c5b0d5", "#ff9896", "#c49c94", "#f7b6d2", "#c7c7c7", "#dbdb8d", "#9edae5"]

  routes = keys(var.http_api.routes)
  colors = { for index, name in keys(var.function_names) : name => local.palette[index % length(local.palette)] }
  # The line of a route is labelled with its function, which has the same color in every graph.
  route_styles = { for route, name in var.http_api.routes : route => { label = name, color = local.colors[name] } }
  # Names and values in turn, as a dashboard lists the dimensions of a metric.
  route_dimensions = {
    for route in local.routes : route => [
      "ApiId", var.http_api.id, "Stage", var.http_api.stage, "Method", split(" ", route)[0], "Resource", split(" ", route)[1],
    ]
  }
  objectives = { for route, name in var.http_api.routes : route => var.p95_milliseconds[name] if var.p95_milliseconds[name] != null }

  graphs = concat([
    # First row
    {
      title = "Are people creating sessions?"
      stat  = "Sum"
      metrics = [
        ["SessionManagement", "SessionCreationCount", "Environment", var.environment, { label = "created", color = "#2ca02c" }],
        ["SessionManagement", "SessionDeletionCount", "Environment", var.environment, { label = "ended by their speaker", color = "#7f7f7f" }],
      ]
      limits = []
    },
    {
      title = "Are they fast? (p95 in ms)"
      stat  = "p95"
      metrics = [
        for route in keys(local.objectives) :
        concat(["AWS/ApiGateway", "Latency"], local.route_dimensions[route], [local.route_styles[route]])
      ]
      limits = [for value in distinct(values(local.objectives)) : {
        value = value
        label = join(", ", [for route, objective in local.objectives : var.http_api.routes[route] if objective == value])
      }]
    },
    {
      title = "Is anything failing? (5xx in %)"
      stat  = "Sum"
      metrics = concat(
        [for index, route in local.routes : concat(["AWS/ApiGateway", "5xx"], local.route_dimensions[route], [{ id = "e${index}", visible = false }])],
        [for index, route in local.routes : concat(["AWS/ApiGateway", "Count"], local.route_dimensions[route], [{ id = "c${index}", visible = false }])],
        [for index, route in local.routes : [merge(local.route_styles[route], { expression = "100 * FILL(e${index}, 0) / c${index}" })]],
      )
      limits = [{ value = 5, label = "alarm" }]
    },
    {
      # API Gateway closes a connection that is idle for ten minutes. So every open connection has at least one line in the
      # access log of the last ten minutes; each connection is counted once.
      title = "How many are listening? (in 10 min)"
      query = join(" | ", [
        "SOURCE '${var.websocket_log_group}'",
        "filter status like /^2/",
        "stats count_distinct(connectionId) as people by bin(10m)",
      ])
    },
    # Second row
    {
      title   = "Requests"
      stat    = "Sum"
      metrics = [for route in local.routes : concat(["AWS/ApiGateway", "Count"], local.route_dimensions[route], [local.route_styles[route]])]
      limits  = []
    },
    {
      title = "Throttled"
      stat  = "Sum"
      # METRICS("fn_") takes every metric whose id contains `fn_`, so no prefix may be part of another id.
      metrics = concat(
        [
          [var.log_metric_namespace, "ThrottledRequestCount", { label = "HTTP requests", color = "#1f77b4" }],
          [var.log_metric_namespace, "ThrottledConnectionCount", { label = "WebSocket", color = "#17becf" }],
          [{ expression = "SUM(METRICS(\"fn_\"))", label = "functions", color = "#ff7f0e" }],
          [{ expression = "SUM(METRICS(\"tbl_\"))", label = "tables", color = "#d62728" }],
        ],
        [for name in keys(var.function_names) : ["AWS/Lambda", "Throttles", "FunctionName", var.function_names[name], { id = "fn_${name}", visible = false }]],
        flatten([
          for name in keys(var.table_names) : [
            for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : {
              line = ["AWS/DynamoDB", metric, "TableName", var.table_names[name], { id = "tbl_${name}_${lower(metric)}", visible = false }]
            }
          ]
        ])[*].line,
      )
      limits = []
    },
    {
      title = "Functions that crash"
      stat  = "Sum"
      metrics = [
        for name in keys(var.function_names) :
        ["AWS/Lambda", "Errors", "FunctionName", var.function_names[name], { label = name, color = local.colors[name] }]
      ]
      limits = []
    },
    {
      title   = "Largest audience of one session"
      stat    = "Maximum"
      metrics = [["SessionManagement", "ListenerCount", "Environment", var.environment, { label = "listeners", color = "#9467bd" }]]
      limits  = [{ value = var.max_listeners, label = "full" }]
    },
    # Third row
    {
      title = "Are session ids running out? Are rate limits off?"
      stat  = "Sum"
      metrics = [
        ["SessionManagement", "SessionIdClashCount", "Environment", var.environment, { label = "ids already taken", color = "#ff7f0e" }],
        ["SessionManagement", "RateLimitUnavailableCount", "Environment", var.environment, { label = "requests without a rate limit", color = "#d62728" }],
      ]
      limits = []
    },
    {
      title = "Slowest invocations (ms)"
      stat  = "Maximum"
      metrics = [
        for name in keys(var.function_names) :
        ["AWS/Lambda", "Duration", "FunctionName", var.function_names[name], { label = name, color = local.colors[name] }]
      ]
      limits = []
    },
    {
      title = "Availability by the hour (%)"
      stat  = "Sum"
      metrics = [
        ["AWS/ApiGateway", "5xx", "ApiId", var.http_api.id, "Stage", var.http_api.stage, { id = "errors", visible = false, period = 3600 }],
        ["AWS/ApiGateway", "Count", "ApiId", var.http_api.id, "Stage", var.http_api.stage, { id = "requests", visible = false, period = 3600 }],
        [{ expression = "100 - 100 * FILL(errors, 0) / requests", label = "requests answered without a 5xx", color = "#2ca02c", period = 3600 }],
        ["SessionManagement", "JoinCount", "Environment", var.environment, "Outcome", "fault", { id = "faults", visible = false, period = 3600 }],
        ["AWS/Lambda", "Errors", "FunctionName", var.connect_function, { id = "crashes", visible = false, period = 3600 }],
        [var.log_metric_namespace, "UninvokedConnectionCount", { id = "uninvoked", visible = false, period = 3600 }],
        ["AWS/Lambda", "Invocations", "FunctionName", var.connect_function, { id = "joins", visible = false, period = 3600 }],
        [{ expression = "100 - 100 * (FILL(faults, 0) + FILL(crashes, 0) + FILL(uninvoked, 0)) / (FILL(joins, 0) + FILL(uninvoked, 0))", label = "joins without a fault", color = "#1f77b4", period = 3600 }],
      ]
      limits = [{ value = 99.9, label = "objective" }]
    },
    {
      title = "Are notices late, failed or lost?"
      stat  = "Maximum"
      metrics = concat(
        [
          for name in keys(var.mapping_uuids) :
          ["AWS/Lambda", "IteratorAge", "FunctionName", var.function_names[name], { label = "${name}: behind (ms)", color = local.colors[name] }]
        ],
        [
          for name, uuid in var.mapping_uuids :
          ["AWS/Lambda", "OnFailureDestinationDeliveredEventCount", "EventSourceMappingUUID", uuid, { label = "${name}: failed", stat = "Sum", color = local.colors[name], yAxis = "right" }]
        ],
        [
          for name, uuid in var.mapping_uuids :
          ["AWS/Lambda", "DroppedEventCount", "EventSourceMappingUUID", uuid, { label = "${name}: lost", stat = "Sum", color = local.colors[name], yAxis = "right" }]
        ],
      )
      limits = [{ value = 60000, label = "alarm" }]
    },
    # Fourth row: captions
    {
      title = "How late are captions? (ms)"
      stat  = "p95"
      metrics = [
        ["SessionManagement", "CaptionLatency", "Environment", var.environment, { label = "95 % of captions", color = "#1f77b4" }],
        ["SessionManagement", "CaptionLatency", "Environment", var.environment, { label = "half of them", stat = "p50", color = "#aec7e8" }],
      ]
      limits = [{ value = 2000, label = "alarm" }]
    },
    {
      title = "Are they translated? Do they arrive?"
      stat  = "Sum"
      metrics = [
        ["SessionManagement", "TranslationFailureCount", "Environment", var.environment, { label = "translations failed", color = "#ff7f0e" }],
        ["SessionManagement", "UndeliveredCaptionCount", "Environment", var.environment, { label = "listeners missed one", color = "#d62728" }],
        ["AWS/Translate", "ThrottledCount", "Operation", "TranslateText", { label = "throttled by Translate", color = "#9467bd" }],
        ["AWS/Translate", "ServerErrorCount", "Operation", "TranslateText", { label = "errors of Translate", color = "#8c564b" }],
        [var.log_metric_namespace, "FailedMessageCount", { label = "messages failed", color = "#7f7f7f" }],
      ]
      limits = []
    },
    {
      title   = "Captions"
      stat    = "Sum"
      metrics = [["SessionManagement", "CaptionCount", "Environment", var.environment, { label = "captions", color = "#2ca02c" }]]
      limits  = []
    },
    {
      title   = "Characters translated (billed)"
      stat    = "Sum"
      metrics = [["SessionManagement", "CaptionCharacters", "Environment", var.environment, { label = "characters", color = "#17becf" }]]
      limits  = []
    },
    # Fifth row: voice
    {
      title = "How late is the voice? (ms)"
      stat  = "p95"
      metrics = [
        ["SessionManagement", "VoiceLatency", "Environment", var.environment, { label = "95 % of voices", color = "#1f77b4" }],
        ["SessionManagement", "VoiceLatency", "Environment", var.environment, { label = "half of them", stat = "p50", color = "#aec7e8" }],
      ]
      limits = [{ value = 10000, label = "dropped" }]
    },
    {
      title   = "Is voice dropped?"
      stat    = "Sum"
      metrics = [["SessionManagement", "VoiceDroppedCount", "Environment", var.environment, { label = "dropped", color = "#d62728" }]]
      limits  = []
    },
    {
      title   = "Voices"
      stat    = "Sum"
      metrics = [["SessionManagement", "VoiceCount", "Environment", var.environment, { label = "voices", color = "#2ca02c" }]]
      limits  = []
    },
    {
      title   = "Characters spoken (billed)"
      stat    = "Sum"
      metrics = [["SessionManagement", "VoiceCharacters", "Environment", var.environment, { label = "characters", color = "#17becf" }]]
      limits  = []
    },
    # Last row
    {
      title = "How do joins end?"
      stat  = "Sum"
      metrics = [
        for outcome, color in { joined = "#2ca02c", full = "#ff7f0e", limited = "#9467bd", refused = "#7f7f7f", fault = "#d62728" } :
        ["SessionManagement", "JoinCount", "Environment", var.environment, "Outcome", outcome, { label = outcome, color = color }]
      ]
      limits = []
    },
    {
      title = "Do schedules run? (invocations)"
      stat  = "Sum"
      metrics = [
        for name, function in var.scheduled_functions :
        ["AWS/Lambda", "Invocations", "FunctionName", function, { label = name, color = local.colors[name] }]
      ]
      limits = []
    },
    {
      title = "What was left undone?"
      stat  = "Sum"
      metrics = [
        [var.log_metric_namespace, "UnreadableRowCount", { label = "rows not read", color = "#d62728" }],
        [var.log_metric_namespace, "UnreachableConnectionCount", { label = "connections not reached", color = "#ff7f0e" }],
        [var.log_metric_namespace, "UnsweptSessionCount", { label = "sessions not swept", color = "#9467bd" }],
      ]
      limits = []
    },
    ], [
    for stream in compact([var.audio_stream]) : {
      title = "Is audio accepted? (chunks)"
      stat  = "Sum"
      metrics = [
        ["AWS/Kinesis", "IncomingRecords", "StreamName", stream, { label = "on the stream", color = "#2ca02c" }],
        ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", "StreamName", stream, { label = "throttled by Kinesis", color = "#9467bd" }],
        [var.log_metric_namespace, "RefusedAudioCount", { label = "refused", color = "#d62728" }],
      ]
      limits = []
    }
  ])

  header = "# ${var.name}\nThe first row answers four questions; the graphs below each of them show details. The fourth row is about captions, the fifth about their voice. The last row shows how joins end, what happens without a request, and whether audio is accepted. The [runbook](${var.runbook_url}) has a section on each alarm."

  widgets = concat(
    [{
      type       = "text", x = 0, y = 0, width = 24, height = 2
      properties = jsonencode({ markdown = local.header })
    }],
    [for arns in [slice(var.alarm_arns, 0, min(100, length(var.alarm_arns)))] : {
      type       = "alarm", x = 0, y = 2, width = 24, height = 3
      properties = jsonencode({ title = "Alarms", alarms = arns, sortBy = "stateUpdatedTimestamp" })
    } if length(arns) > 0],
    [for index, graph in local.graphs : {
      type   = can(graph.query) ? "log" : "metric"
      x      = index % 4 * 6
      y      = 5 + floor(index / 4) * 6
      width  = 6
      height = 6
      properties = can(graph.query) ? jsonencode({
        title = graph.title, region = var.region, view = "bar", query = graph.query
        }) : jsonencode({
        title       = graph.title, region = var.region, view = "timeSeries", period = 300, stat = graph.stat, metrics = graph.metrics
        yAxis       = { left = { min = graph.title == "Availability by the hour (%)" ? 99 : 0 } }
        annotations = { horizontal = graph.limits }
      })
    }],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = [for widget in local.widgets : merge(widget, { properties = jsondecode(widget.properties) })] })
}
