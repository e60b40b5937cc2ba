# modules/http_api: routes, authorization, throttles, CORS, the access log, and permissions to invoke functions.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  name = "session-service-dev"
  routes = {
    "GET /things/{id}" = {
      function_name = "get_thing"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:us-east-1:lambda:path/get_thing"
      signed_in     = false
      throttle      = { requests_per_second = 500, burst = 1000 }
    }
    "POST /things" = {
      function_name = "create_thing"
      alias         = "live"
      invoke_arn    = "arn:aws:apigateway:us-east-1:lambda:path/create_thing"
      signed_in     = true
      throttle      = { requests_per_second = 20, burst = 40 }
    }
  }
  integration_timeout_milliseconds = 11000
  jwt                              = { issuer = "https://issuer.example.com/pool", audience = "client1" }
  cors = {
    allow_origins  = ["https://live.example.com"]
    allow_headers  = ["authorization"]
    expose_headers = ["etag"]
  }
  default_throttle   = { requests_per_second = 50, burst = 100 }
  log_retention_days = 14
}

run "authorization" {
  command = plan

  module {
    source = "./modules/http_api"
  }

  assert {
    condition     = aws_apigatewayv2_route.this["POST /things"].authorization_type == "JWT" && aws_apigatewayv2_route.this["POST /things"].authorizer_id == "authorizer1"
    error_message = "A route with signed_in has the JWT authorizer."
  }

  assert {
    condition     = aws_apigatewayv2_route.this["GET /things/{id}"].authorization_type == "NONE" && aws_apigatewayv2_route.this["GET /things/{id}"].authorizer_id == null
    error_message = "Any other route has no authorizer."
  }

  assert {
    condition     = aws_apigatewayv2_authorizer.jwt.identity_sources == toset(["$request.header.Authorization"])
    error_message = "The token is in the Authorization header."
  }

  assert {
    condition = jsonencode(aws_apigatewayv2_authorizer.jwt.jwt_configuration[0]) == jsonencode({
      audience = ["client1"]
      issuer   = "https://issuer.example.com/pool"
    })
    error_message = "Only tokens of the issuer for the audience are accepted."
  }
}

run "integrations" {
  command = plan

  module {
    source = "./modules/http_api"
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_integration.this["GET /things/{id}"]
    values          = { id = "get-thing" }
  }

  override_resource {
    override_during = plan
    target          = aws_apigatewayv2_integration.this["POST /things"]
    values          = { id = "create-thing" }
  }

  assert {
    condition     = aws_apigatewayv2_integration.this["POST /things"].integration_uri == "arn:aws:apigateway:us-east-1:lambda:path/create_thing"
    error_message = "The integration of a route invokes the alias of its function."
  }

  assert {
    condition = jsonencode({ for key, route in aws_apigatewayv2_route.this : key => route.target }) == jsonencode({
      "GET /things/{id}" = "integrations/get-thing"
      "POST /things"     = "integrations/create-thing"
    })
    error_message = "Each route has its own integration."
  }

  assert {
    condition = alltrue([
      for integration in aws_apigatewayv2_integration.this :
      integration.payload_format_version == "2.0" && integration.timeout_milliseconds == 11000
    ])
    error_message = "Functions receive payload format 2.0, and the timeout is as given."
  }

  assert {
    condition = jsonencode({ for key, permission in aws_lambda_permission.this : "${permission.function_name}:${permission.qualifier}" => permission.source_arn }) == jsonencode({
      "create_thing:live" = "arn:aws:execute-api:us-east-1:123456789012:api1/*/POST/things"
      "get_thing:live"    = "arn:aws:execute-api:us-east-1:123456789012:api1/*/GET/things/{id}"
    })
    error_message = "The API may invoke the alias of a function for its own route only."
  }
}

run "throttles" {
  command = plan

  module {
    source = "./modules/http_api"
  }

  assert {
    condition     = aws_apigatewayv2_stage.default.default_route_settings[0].throttling_rate_limit == 50 && aws_apigatewayv2_stage.default.default_route_settings[0].throttling_burst_limit == 100
    error_message = "The stage has a default throttle."
  }

  assert {
    condition = jsonencode({
      for settings in aws_apigatewayv2_stage.default.route_settings :
      settings.route_key => [settings.throttling_rate_limit, settings.throttling_burst_limit]
    }) == jsonencode({ "GET /things/{id}" = [500, 1000], "POST /things" = [20, 40] })
    error_message = "Each route has its own throttle."
  }

  assert {
    condition     = aws_apigatewayv2_stage.default.name == "$default" && aws_apigatewayv2_stage.default.auto_deploy
    error_message = "There is one stage, without a path, and changes are deployed automatically."
  }
}

run "cors" {
  command = plan

  module {
    source = "./modules/http_api"
  }

  assert {
    condition = jsonencode(aws_apigatewayv2_api.this.cors_configuration[0]) == jsonencode({
      allow_credentials = null
      allow_headers     = ["authorization"]
      allow_methods     = ["GET", "POST"]
      allow_origins     = ["https://live.example.com"]
      expose_headers    = ["etag"]
      max_age           = 3600
    })
    error_message = "CORS allows the given origins and headers, and the methods of the routes."
  }
}

run "the_access_log_has_no_personal_data" {
  command = plan

  module {
    source = "./modules/http_api"
  }

  assert {
    condition     = aws_cloudwatch_log_group.access.name == "/aws/apigateway/session-service-dev" && aws_cloudwatch_log_group.access.retention_in_days == 14
    error_message = "The access log has its own log group, and its lines expire."
  }

  assert {
    condition = length(setintersection(values(jsondecode(aws_apigatewayv2_stage.default.access_log_settings[0].format)), [
      "$context.requestId", "$context.routeKey", "$context.status", "$context.responseLatency", "$context.integrationErrorMessage",
    ])) == 5
    error_message = "A line of the access log has the request id, the route, the status, the latency and the error."
  }

  assert {
    condition     = !can(regex("identity|path|claims|userAgent", aws_apigatewayv2_stage.default.access_log_settings[0].format))
    error_message = "The access log has no address, no path and no claims."
  }
}

run "a_route_without_a_method_is_rejected" {
  command         = plan
  expect_failures = [var.routes]

  module {
    source = "./modules/http_api"
  }

  variables {
    routes = {
      "/things" = {
        function_name = "get_thing"
        alias         = "live"
        invoke_arn    = "arn"
        signed_in     = false
        throttle      = { requests_per_second = 1, burst = 1 }
      }
    }
  }
}

run "an_issuer_in_plain_http_is_rejected" {
  command         = plan
  expect_failures = [var.jwt]

  module {
    source = "./modules/http_api"
  }

  variables {
    jwt = { issuer = "http://issuer.example.com", audience = "client1" }
  }
}

run "a_timeout_above_the_limit_of_api_gateway_is_rejected" {
  command         = plan
  expect_failures = [var.integration_timeout_milliseconds]

  module {
    source = "./modules/http_api"
  }

  variables {
    integration_timeout_milliseconds = 30001
  }
}
