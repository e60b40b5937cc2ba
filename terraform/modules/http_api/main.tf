resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  protocol_type = "HTTP"

  # With this, API Gateway answers preflight requests itself and ignores the CORS headers of functions.
  cors_configuration {
    allow_origins  = var.cors.allow_origins
    allow_methods  = sort(distinct([for key in keys(var.routes) : split(" ", key)[0]]))
    allow_headers  = var.cors.allow_headers
    expose_headers = var.cors.expose_headers
    max_age        = 3600
  }
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  api_id           = aws_apigatewayv2_api.this.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt.issuer
    audience = [var.jwt.audience]
  }
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = var.routes

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = each.value.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = var.integration_timeout_milliseconds
}

resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:signed_in decides for each route. Listeners and health checks are anonymous; a test checks the list of routes.

  for_each = var.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.this[each.key].id}"
  authorization_type = each.value.signed_in ? "JWT" : "NONE"
  authorizer_id      = each.value.signed_in ? aws_apigatewayv2_authorizer.jwt.id : null
}

resource "aws_lambda_permission" "this" {
  for_each = var.routes

  function_name = each.value.function_name
  qualifier     = each.value.alias
  statement_id  = "InvokedByHttpApi"
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  # Any stage, because there is only one; exactly this method and path.
  source_arn = "${aws_apigatewayv2_api.this.execution_arn}/*/${replace(each.key, " ", "")}"
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group with its own key, and the logs hold no personal data.
  #checkov:skip=CKV_AWS_338:Each environment sets its own retention (log_retention_days).

  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.default_throttle.requests_per_second
    throttling_burst_limit   = var.default_throttle.burst
    detailed_metrics_enabled = true
  }

  dynamic "route_settings" {
    for_each = var.routes
    content {
      route_key                = route_settings.key
      throttling_rate_limit    = route_settings.value.throttle.requests_per_second
      throttling_burst_limit   = route_settings.value.throttle.burst
      detailed_metrics_enabled = true # a route with its own settings does not inherit this from the stage
    }
  }

  # No personal data: no address, no path (it holds the session id), no token.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      requestId        = "$context.requestId"
      requestTime      = "$context.requestTimeEpoch"
      routeKey         = "$context.routeKey"
      status           = "$context.status"
      responseLatency  = "$context.responseLatency"
      responseLength   = "$context.responseLength"
      integrationId    = "$context.integration.requestId"
      integrationError = "$context.integrationErrorMessage"
      authorizerError  = "$context.authorizer.error"
      gatewayError     = "$context.error.responseType"
    })
  }

  # API Gateway rejects settings of a route that does not exist yet.
  depends_on = [aws_apigatewayv2_route.this]
}
