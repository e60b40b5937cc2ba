# modules/websocket_api: the authorizer, routes, replies without a function, throttles, the access log, and permissions to invoke
# functions.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = aws_apigatewayv2_api.this
  values = {
    api_endpoint  = "wss://api1.execute-api.us-east-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:us-east-1:123456789012:api1"
  }
}

variables {
  name       = "session-service-dev-websocket"
  authorizer = { function_name = "authorize", alias = "live", invoke_arn = "arn:aws:apigateway:us-east-1:lambda:path/authorize" }
  routes = {
    "$connect" = {
      function_name = "connect"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:us-east-1:lambda:path/connect"
      throttle      = { requests_per_second = 20, burst = 40 }
    }
    "$disconnect" = {
      function_name = "disconnect"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:us-east-1:lambda:path/disconnect"
      throttle      = { requests_per_second = 40, burst = 80 }
    }
    "shout" = {
      function_name = "shout"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:us-east-1:lambda:path/shout"
      throttle      = { requests_per_second = 30, burst = 60 }
    }
  }
  replies = {
    "ping" = {
      body     = "{\"type\":\"pong\"}"
      throttle = { requests_per_second = 500, burst = 1000 }
    }
    "$default" = {
      body     = "{\"type\":\"what\"}"
      throttle = { requests_per_second = 50, burst = 100 }
    }
  }
  integration_timeout_milliseconds = 11000
  default_throttle                 = { requests_per_second = 50, burst = 100 }
  log_retention_days               = 14
}

run "authorization" {
  command = plan

  module {
    source = "./modules/websocket_api"
  }

  assert {
    condition = (
      aws_apigatewayv2_authorizer.this.authorizer_type == "REQUEST" &&
      aws_apigatewayv2_authorizer.this.authorizer_uri == "arn:aws:apigateway:us-east-1:lambda:path/authorize"
    )
    error_message = "The authorizer invokes the given function."
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.this.identity_sources == null
    error_message = "The authorizer has no identity source, so that it also sees handshakes without a token."
  }

  assert {
    condition = jsonencode({ for key, route in aws_apigatewayv2_route.function : key => [route.authorization_type, route.authorizer_id] }) == jsonencode({
      "$connect"    = ["CUSTOM", "authorizer1"]
      "$disconnect" = ["NONE", null]
      "shout"       = ["NONE", null]
    })
    error_message = "Only $connect has the authorizer."
  }

  assert {
    condition     = "${aws_lambda_permission.authorizer.function_name}:${aws_lambda_permission.authorizer.qualifier}" == "authorize:live" && aws_lambda_permission.authorizer.source_arn == "arn:aws:execute-api:us-east-1:123456789012:api1/authorizers/authorizer1"
    error_message = "The API may invoke the authorizer's function as this authorizer only."
  }
}

run "routes_to_functions" {
  command = plan

  module {
    source = "./modules/websocket_api"
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_integration.function["$connect"]
    values          = { id = "to-connect" }
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_integration.function["$disconnect"]
    values          = { id = "to-disconnect" }
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_integration.function["shout"]
    values          = { id = "to-shout" }
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_route.function["shout"]
    values          = { id = "shout-route" }
  }

  assert {
    condition     = aws_apigatewayv2_api.this.protocol_type == "WEBSOCKET" && aws_apigatewayv2_api.this.route_selection_expression == "$request.body.action"
    error_message = "The `action` of a message selects its route."
  }

  assert {
    condition = jsonencode({ for key, route in aws_apigatewayv2_route.function : key => route.target }) == jsonencode({
      "$connect"    = "integrations/to-connect"
      "$disconnect" = "integrations/to-disconnect"
      "shout"       = "integrations/to-shout"
    })
    error_message = "Each route has its own integration."
  }

  assert {
    condition = jsonencode({ for key, integration in aws_apigatewayv2_integration.function : key => [integration.integration_type, integration.integration_uri, integration.timeout_milliseconds] }) == jsonencode({
      "$connect"    = ["AWS_PROXY", "arn:aws:apigateway:us-east-1:lambda:path/connect", 11000]
      "$disconnect" = ["AWS_PROXY", "arn:aws:apigateway:us-east-1:lambda:path/disconnect", 11000]
      "shout"       = ["AWS_PROXY", "arn:aws:apigateway:us-east-1:lambda:path/shout", 11000]
    })
    error_message = "The integration of a route invokes the alias of its function, and the timeout is as given."
  }

  assert {
    condition = jsonencode({ for permission in aws_lambda_permission.function : "${permission.function_name}:${permission.qualifier}" => permission.source_arn }) == jsonencode({
      "connect:live"    = "arn:aws:execute-api:us-east-1:123456789012:api1/ws/$connect"
      "disconnect:live" = "arn:aws:execute-api:us-east-1:123456789012:api1/ws/$disconnect"
      "shout:live"      = "arn:aws:execute-api:us-east-1:123456789012:api1/ws/shout"
    })
    error_message = "The API may invoke the alias of a function for its own route only."
  }

  assert {
    condition = jsonencode({ for key, route in aws_apigatewayv2_route.function : key => route.route_response_selection_expression }) == jsonencode({
      "$connect"    = null
      "$disconnect" = null
      "shout"       = "$default"
    })
    error_message = "A route of messages returns a response, and no other route."
  }

  assert {
    condition = jsonencode({ for key, response in aws_apigatewayv2_route_response.function : key => [response.route_id, response.route_response_key] }) == jsonencode({
      "shout" = ["shout-route", "$default"]
    })
    error_message = "A route response sends the response of the function to the client."
  }
}

run "replies_without_a_function" {
  command = plan

  module {
    source = "./modules/websocket_api"
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_integration.reply["ping"]
    values          = { id = "ping-mock" }
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_integration.reply["$default"]
    values          = { id = "default-mock" }
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_route.reply["ping"]
    values          = { id = "ping-route" }
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_route.reply["$default"]
    values          = { id = "default-route" }
  }

  assert {
    condition = jsonencode({ for key, route in aws_apigatewayv2_route.reply : key => [route.target, route.route_response_selection_expression] }) == jsonencode({
      "ping"     = ["integrations/ping-mock", "$default"]
      "$default" = ["integrations/default-mock", "$default"]
    })
    error_message = "A route with a reply has its own integration and returns a response."
  }

  assert {
    condition = alltrue([
      for integration in aws_apigatewayv2_integration.reply :
      integration.integration_type == "MOCK" && integration.integration_uri == null &&
      jsondecode(integration.request_templates[integration.template_selection_expression]).statusCode == 200
    ])
    error_message = "A mock integration returns status 200 for every message."
  }

  assert {
    condition = jsonencode({
      for key, response in aws_apigatewayv2_integration_response.reply :
      key => [response.integration_id, response.integration_response_key, response.response_templates[response.template_selection_expression]]
      }) == jsonencode({
      "ping"     = ["ping-mock", "/200/", "{\"timestamp\":$context.requestTimeEpoch,\"type\":\"pong\"}"]
      "$default" = ["default-mock", "/200/", "{\"timestamp\":$context.requestTimeEpoch,\"type\":\"what\"}"]
    })
    error_message = "Status 200 selects the reply, to which API Gateway adds the time of the message as a number."
  }

  assert {
    condition = jsonencode({ for key, response in aws_apigatewayv2_route_response.reply : key => [response.route_id, response.route_response_key] }) == jsonencode({
      "ping"     = ["ping-route", "$default"]
      "$default" = ["default-route", "$default"]
    })
    error_message = "A route response sends the reply to the client."
  }
}

run "the_stage" {
  command = plan

  module {
    source = "./modules/websocket_api"
  }

  assert {
    condition     = aws_apigatewayv2_stage.this.name == "ws" && aws_apigatewayv2_stage.this.auto_deploy
    error_message = "There is one stage, and changes are deployed automatically."
  }

  assert {
    condition     = aws_apigatewayv2_stage.this.default_route_settings[0].throttling_rate_limit == 50 && aws_apigatewayv2_stage.this.default_route_settings[0].throttling_burst_limit == 100
    error_message = "The stage has a default throttle."
  }

  assert {
    condition = jsonencode({
      for settings in aws_apigatewayv2_stage.this.route_settings :
      settings.route_key => [settings.throttling_rate_limit, settings.throttling_burst_limit]
    }) == jsonencode({ "$connect" = [20, 40], "$disconnect" = [40, 80], "shout" = [30, 60], "ping" = [500, 1000], "$default" = [50, 100] })
    error_message = "Each route has its own throttle."
  }

  assert {
    condition = jsonencode([output.url, output.endpoint, output.execution_arn]) == jsonencode([
      "wss://api1.execute-api.us-east-1.amazonaws.com/ws",
      "https://api1.execute-api.us-east-1.amazonaws.com/ws",
      "arn:aws:execute-api:us-east-1:123456789012:api1/ws",
    ])
    error_message = "The outputs for clients, functions and permissions are those of the stage."
  }
}

run "the_access_log_has_no_personal_data" {
  command = plan

  module {
    source = "./modules/websocket_api"
  }

  assert {
    condition     = aws_cloudwatch_log_group.access.name == "/aws/apigateway/session-service-dev-websocket" && aws_cloudwatch_log_group.access.retention_in_days == 14
    error_message = "The access log has its own log group, and its lines expire."
  }

  assert {
    condition = length(setintersection(values(jsondecode(aws_apigatewayv2_stage.this.access_log_settings[0].format)), [
      "$context.requestId", "$context.connectionId", "$context.eventType", "$context.routeKey", "$context.status", "$context.integration.error", "$context.authorizer.error",
    ])) == 7
    error_message = "A line of the access log has the request id, the connection, the event, the route, the status and the errors."
  }

  assert {
    condition     = !can(regex("identity|query|authorizer\\.(subject|sessionId|principalId)|userAgent", aws_apigatewayv2_stage.this.access_log_settings[0].format))
    error_message = "The access log has no address, no query and no claims."
  }
}

run "routes_without_connect_are_rejected" {
  command         = plan
  expect_failures = [var.routes]

  module {
    source = "./modules/websocket_api"
  }

  variables {
    routes = {}
  }
}

run "a_reply_to_disconnect_is_rejected" {
  command         = plan
  expect_failures = [var.replies]

  module {
    source = "./modules/websocket_api"
  }

  variables {
    replies = { "$disconnect" = { body = "{}", throttle = { requests_per_second = 1, burst = 1 } } }
  }
}

run "a_reply_that_is_not_json_is_rejected" {
  command         = plan
  expect_failures = [var.replies]

  module {
    source = "./modules/websocket_api"
  }

  variables {
    replies = { "ping" = { body = "pong", throttle = { requests_per_second = 1, burst = 1 } } }
  }
}

run "a_reply_that_is_not_an_object_is_rejected" {
  command         = plan
  expect_failures = [var.replies]

  module {
    source = "./modules/websocket_api"
  }

  variables {
    replies = { "ping" = { body = "[\"pong\"]", throttle = { requests_per_second = 1, burst = 1 } } }
  }
}

run "a_reply_that_api_gateway_would_evaluate_is_rejected" {
  command         = plan
  expect_failures = [var.replies]

  module {
    source = "./modules/websocket_api"
  }

  variables {
    replies = { "ping" = { body = "{\"from\":\"$context.identity.sourceIp\"}", throttle = { requests_per_second = 1, burst = 1 } } }
  }
}

run "a_timeout_above_the_limit_of_api_gateway_is_rejected" {
  command         = plan
  expect_failures = [var.integration_timeout_milliseconds]

  module {
    source = "./modules/websocket_api"
  }

  variables {
    integration_timeout_milliseconds = 29001
  }
}
