output "url" {
  description = "URL that clients open a WebSocket at, without a slash at its end."
  value       = "wss://${local.address}"
}

output "endpoint" {
  description = "URL that functions reach open connections at, through @connections. Known before the routes are."
  value       = "https://${local.address}"
}

output "execution_arn" {
  description = "ARN of the stage, as permissions name it: methods and routes follow it. Known before the routes are."
  value       = local.execution_arn
}

locals {
  limits = { for settings in aws_apigatewayv2_stage.this.route_settings : settings.route_key => settings }
}

output "routes" {
  description = "What was made of each route key: the function or the JSON that answers, who is asked first (`CUSTOM` the authorizer, `NONE` nobody), and the limits."
  value = {
    for key, route in merge(aws_apigatewayv2_route.function, aws_apigatewayv2_route.reply) : key => {
      function_name       = contains(keys(var.routes), key) ? aws_lambda_permission.function[key].function_name : null
      reply               = contains(keys(var.replies), key) ? aws_apigatewayv2_integration_response.reply[key].response_templates["200"] : null
      authorization_type  = route.authorization_type
      requests_per_second = local.limits[key].throttling_rate_limit
      burst               = local.limits[key].throttling_burst_limit
    }
  }
}

output "authorizer_function_name" {
  description = "Function that is asked whether a connection may be opened."
  value       = aws_lambda_permission.authorizer.function_name
}

output "access_log_group" {
  description = "Name of the log group that has a line for each request."
  value       = aws_cloudwatch_log_group.access.name
}
