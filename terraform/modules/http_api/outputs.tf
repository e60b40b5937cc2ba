output "id" {
  description = "Id of the API."
  value       = aws_apigatewayv2_api.this.id
}

output "stage" {
  description = "Name of the API's only stage."
  value       = aws_apigatewayv2_stage.default.name
}

output "endpoint" {
  description = "URL that the API answers at, without a slash at its end."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

locals {
  limits = { for settings in aws_apigatewayv2_stage.default.route_settings : settings.route_key => settings }
}

output "routes" {
  description = "What was made of each route key: the function, who may call (`JWT` a signed-in caller, `NONE` anybody), and the limits."
  value = {
    for key, route in aws_apigatewayv2_route.this : key => {
      function_name       = aws_lambda_permission.this[key].function_name
      authorization_type  = route.authorization_type
      requests_per_second = local.limits[key].throttling_rate_limit
      burst               = local.limits[key].throttling_burst_limit
    }
  }
}

output "cors" {
  description = "What the API answers to a web page's preflight request."
  value       = one(aws_apigatewayv2_api.this.cors_configuration)
}

output "jwt" {
  description = "Whose tokens sign a caller in."
  value       = one(aws_apigatewayv2_authorizer.jwt.jwt_configuration)
}

output "access_log_group" {
  description = "Name of the log group that has a line for each request."
  value       = aws_cloudwatch_log_group.access.name
}
