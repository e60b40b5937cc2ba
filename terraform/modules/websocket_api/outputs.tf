output "id" {
  description = "Id of the API."
  value       = aws_apigatewayv2_api.this.id
}

output "stage" {
  description = "Name of the API's only stage."
  value       = aws_apigatewayv2_stage.this.name
}

output "url" {
  description = "URL for clients, without a slash at the end."
  value       = "wss://${local.address}"
}

output "endpoint" {
  description = "URL of the @connections API for functions. It does not depend on the routes."
  value       = "https://${local.address}"
}

output "execution_arn" {
  description = "Execution ARN of the stage; permissions add a method and a path. It does not depend on the routes."
  value       = local.execution_arn
}

locals {
  limits = { for settings in aws_apigatewayv2_stage.this.route_settings : settings.route_key => settings }
}

output "routes" {
  description = "By route key: the function or the template of the reply, whether the client gets an answer, the authorization type (`CUSTOM` or `NONE`) and the throttle."
  value = {
    for key, route in merge(aws_apigatewayv2_route.function, aws_apigatewayv2_route.reply) : key => {
      function_name       = contains(keys(var.routes), key) ? aws_lambda_permission.function[key].function_name : null
      reply               = contains(keys(var.replies), key) ? aws_apigatewayv2_integration_response.reply[key].response_templates["200"] : null
      answered            = route.route_response_selection_expression != null
      authorization_type  = route.authorization_type
      requests_per_second = local.limits[key].throttling_rate_limit
      burst               = local.limits[key].throttling_burst_limit
    }
  }
}

output "authorizer_function_name" {
  description = "Name of the authorizer's function."
  value       = aws_lambda_permission.authorizer.function_name
}

output "access_log_group" {
  description = "Name of the log group of the access log."
  value       = aws_cloudwatch_log_group.access.name
}
