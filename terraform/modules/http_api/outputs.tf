output "id" {
  description = "Id of the API."
  value       = aws_apigatewayv2_api.this.id
}

output "stage" {
  description = "Name of the API's only stage."
  value       = aws_apigatewayv2_stage.default.name
}

output "endpoint" {
  description = "URL of the API, without a slash at the end."
  value       = aws_apigatewayv2_api.this.api_endpoint
}

locals {
  limits = { for settings in aws_apigatewayv2_stage.default.route_settings : settings.route_key => settings }
}

output "routes" {
  description = "By route key: the function, the authorization type (`JWT` or `NONE`) and the throttle."
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
  description = "CORS configuration of the API."
  value       = one(aws_apigatewayv2_api.this.cors_configuration)
}

output "jwt" {
  description = "Issuer and audience of accepted tokens."
  value       = one(aws_apigatewayv2_authorizer.jwt.jwt_configuration)
}

output "access_log_group" {
  description = "Name of the log group of the access log."
  value       = aws_cloudwatch_log_group.access.name
}
