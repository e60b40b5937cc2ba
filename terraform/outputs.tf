output "http_api_endpoint" {
  description = "URL that the HTTP API answers at, without a slash at its end."
  value       = module.http_api.endpoint
}

output "http_api_id" {
  description = "Id of the HTTP API."
  value       = module.http_api.id
}

output "websocket_url" {
  description = "URL that listeners and speakers open their WebSocket at; `?sessionId=` and more follow it."
  value       = module.websocket_api.url
}

output "function_names" {
  description = "Name of each Lambda function in AWS, by its name here."
  value       = { for name, function in module.function : name => function.name }
}

output "function_arns" {
  description = "ARN of each Lambda function, by its name here."
  value       = { for name, function in module.function : name => function.arn }
}

output "user_pool_id" {
  description = "Cognito user pool that the speakers sign in to."
  value       = local.user_pool_id
}

output "user_pool_client_id" {
  description = "App client that the speakers sign in with; the audience of their tokens."
  value       = local.user_pool_client_id
}

output "sessions_table" {
  description = "Name of the table of sessions."
  value       = module.table["sessions"].name
}

output "connections_table" {
  description = "Name of the table of WebSocket connections."
  value       = module.table["connections"].name
}
