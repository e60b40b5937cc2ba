output "http_api_endpoint" {
  description = "URL of the HTTP API, without a slash at the end."
  value       = module.http_api.endpoint
}

output "http_api_id" {
  description = "Id of the HTTP API."
  value       = module.http_api.id
}

output "websocket_api_id" {
  description = "Id of the WebSocket API."
  value       = module.websocket_api.id
}

output "websocket_url" {
  description = "URL of the WebSocket API. Clients add the query, `?sessionId=...`."
  value       = module.websocket_api.url
}

output "function_names" {
  description = "Names of the Lambda functions in AWS, by the keys of functions.tf."
  value       = { for name, function in module.function : name => function.name }
}

output "function_arns" {
  description = "ARNs of the Lambda functions, by the keys of functions.tf."
  value       = { for name, function in module.function : name => function.arn }
}

output "user_pool_id" {
  description = "Id of the Cognito user pool that speakers sign in to."
  value       = local.user_pool_id
}

output "user_pool_client_id" {
  description = "Id of the app client that speakers sign in with: the audience of their tokens."
  value       = local.user_pool_client_id
}

output "sessions_table" {
  description = "Name of the sessions table."
  value       = module.table["sessions"].name
}

output "connections_table" {
  description = "Name of the connections table."
  value       = module.table["connections"].name
}

output "audio_stream" {
  description = "Name of the Kinesis data stream with the audio of speakers; null without audio_stream."
  value       = one(module.audio_stream[*].name)
}

output "audio_stream_arn" {
  description = "ARN of the Kinesis data stream with the audio of speakers; null without audio_stream."
  value       = one(module.audio_stream[*].arn)
}

output "failed_captions_bucket" {
  description = "Name of the S3 bucket in which Lambda stores captions after the last retry, for one day."
  value       = module.failed_captions.name
}

output "voice_bucket" {
  description = "Name of the S3 bucket with the voices of captions, for one day."
  value       = module.voice.name
}

output "failed_records_bucket" {
  description = "Name of the S3 bucket in which Lambda stores stream records after the last retry."
  value       = module.failed_records.name
}
