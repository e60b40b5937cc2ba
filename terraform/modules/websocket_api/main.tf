locals {
  stage = "ws"

  # Not taken from the stage, which depends on the routes: their functions get this endpoint as a setting.
  address       = "${split("://", aws_apigatewayv2_api.this.api_endpoint)[1]}/${local.stage}"
  execution_arn = "${aws_apigatewayv2_api.this.execution_arn}/${local.stage}"

  # Of the answer to $connect only the status reaches the client, and after $disconnect there is none.
  message_routes = setsubtract(keys(var.routes), ["$connect", "$disconnect"])

  # Every message to a client says when it was made: `timestamp`, in epoch milliseconds. API Gateway replaces its variables in a
  # template, here by a number, so the template itself is no JSON.
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
  request_time = "$context.requestTimeEpoch"
  templates = {
    for route, reply in var.replies :
    route => replace(jsonencode(merge(jsondecode(reply.body), { timestamp = local.request_time })), jsonencode(local.request_time), local.request_time)
  }
}

resource "aws_apigatewayv2_api" "this" {
  name                       = var.name
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

# --- Authorizer -------------------------------------------------------------------------------------------------------

# It has no identity source: API Gateway would reject a handshake without a token, and listeners have none.
resource "aws_apigatewayv2_authorizer" "this" {
  api_id          = aws_apigatewayv2_api.this.id
  name            = "token"
  authorizer_type = "REQUEST"
  authorizer_uri  = var.authorizer.invoke_arn
}

resource "aws_lambda_permission" "authorizer" {
  function_name = var.authorizer.function_name
  qualifier     = var.authorizer.alias
  statement_id  = "InvokedByWebSocketApi"
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.this.id}"
}

# --- Routes to functions ----------------------------------------------------------------------------------------------

resource "aws_apigatewayv2_integration" "function" {
  for_each = var.routes

  api_id               = aws_apigatewayv2_api.this.id
  integration_type     = "AWS_PROXY"
  integration_method   = "POST"
  integration_uri      = each.value.invoke_arn
  timeout_milliseconds = var.integration_timeout_milliseconds
}

resource "aws_apigatewayv2_route" "function" {
  #checkov:skip=CKV_AWS_309:API Gateway authorizes `$connect` only. All later messages arrive over an authorized connection.

  for_each = var.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.function[each.key].id}"
  authorization_type = each.key == "$connect" ? "CUSTOM" : "NONE"
  authorizer_id      = each.key == "$connect" ? aws_apigatewayv2_authorizer.this.id : null

  route_response_selection_expression = contains(local.message_routes, each.key) ? "$default" : null
}

# With it the `body` of the function's response is sent to the client. Without it the client would get no answer.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
resource "aws_apigatewayv2_route_response" "function" {
  for_each = local.message_routes

  api_id             = aws_apigatewayv2_api.this.id
  route_id           = aws_apigatewayv2_route.function[each.key].id
  route_response_key = "$default"
}

resource "aws_lambda_permission" "function" {
  for_each = var.routes

  function_name = each.value.function_name
  qualifier     = each.value.alias
  statement_id  = "InvokedByWebSocketApi"
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${local.execution_arn}/${each.key}"
}

# --- Routes that API Gateway answers itself ---------------------------------------------------------------------------

# The mock integration returns status 200 for every message. The response key `/200/` matches this status, and the constant
# expression `200` selects its only template.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-data-transformations.html
resource "aws_apigatewayv2_integration" "reply" {
  for_each = var.replies

  api_id                        = aws_apigatewayv2_api.this.id
  integration_type              = "MOCK"
  template_selection_expression = "200"
  request_templates             = { "200" = jsonencode({ statusCode = 200 }) }
}

resource "aws_apigatewayv2_integration_response" "reply" {
  for_each = var.replies

  api_id                        = aws_apigatewayv2_api.this.id
  integration_id                = aws_apigatewayv2_integration.reply[each.key].id
  integration_response_key      = "/200/"
  template_selection_expression = "200"
  response_templates            = { "200" = local.templates[each.key] }
}

resource "aws_apigatewayv2_route" "reply" {
  #checkov:skip=CKV_AWS_309:API Gateway authorizes `$connect` only. All later messages arrive over an authorized connection.

  for_each = var.replies

  api_id                              = aws_apigatewayv2_api.this.id
  route_key                           = each.key
  target                              = "integrations/${aws_apigatewayv2_integration.reply[each.key].id}"
  authorization_type                  = "NONE"
  route_response_selection_expression = "$default"
}

# Without a route response API Gateway sends nothing to the client.
resource "aws_apigatewayv2_route_response" "reply" {
  for_each = var.replies

  api_id             = aws_apigatewayv2_api.this.id
  route_id           = aws_apigatewayv2_route.reply[each.key].id
  route_response_key = "$default"
}

# --- Stage ------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group with its own key, and the logs hold no personal data.
  #checkov:skip=CKV_AWS_338:Each environment sets its own retention (log_retention_days).

  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_apigatewayv2_stage" "this" {
  #checkov:skip=CKV2_AWS_51:A client certificate identifies API Gateway to HTTP backends. This API invokes functions by IAM permission.

  api_id      = aws_apigatewayv2_api.this.id
  name        = local.stage
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.default_throttle.requests_per_second
    throttling_burst_limit = var.default_throttle.burst
  }

  dynamic "route_settings" {
    for_each = { for key, route in merge(var.routes, var.replies) : key => route.throttle }
    content {
      route_key              = route_settings.key
      throttling_rate_limit  = route_settings.value.requests_per_second
      throttling_burst_limit = route_settings.value.burst
    }
  }

  # No personal data: no address, no query, no token. API Gateway writes the access log of a WebSocket API with the role in
  # the account's settings, which terraform/bootstrap creates. The variables differ from those of HTTP APIs:
  # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      requestId        = "$context.requestId"
      requestTime      = "$context.requestTimeEpoch"
      connectionId     = "$context.connectionId"
      eventType        = "$context.eventType"
      routeKey         = "$context.routeKey"
      status           = "$context.status"
      integrationId    = "$context.integration.requestId"
      integrationError = "$context.integration.error"
      authorizerError  = "$context.authorizer.error"
      gatewayError     = "$context.error.responseType"
    })
  }

  # API Gateway rejects settings of a route that does not exist yet, and the first deployment must have all routes.
  depends_on = [
    aws_apigatewayv2_route.function,
    aws_apigatewayv2_route_response.function,
    aws_apigatewayv2_route_response.reply,
    aws_apigatewayv2_integration_response.reply,
  ]
}
