output "name" {
  description = "Name of the function in AWS."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "live" {
  description = "The alias that callers invoke: its name, its ARN, and the ARN for integrations of API Gateway."
  value = {
    name       = aws_lambda_alias.live.name
    arn        = aws_lambda_alias.live.arn
    invoke_arn = aws_lambda_alias.live.invoke_arn
  }
}

output "handler" {
  description = "Dotted path of the handler."
  value       = aws_lambda_function.this.handler
}

output "environment" {
  description = "Environment variables of the function."
  value       = one(aws_lambda_function.this.environment[*].variables)
}

output "role_name" {
  description = "Name of the function's role, for further policies."
  value       = aws_iam_role.this.name
}

output "log_group" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "timeout_seconds" {
  description = "Timeout of an invocation in seconds."
  value       = aws_lambda_function.this.timeout
}

output "memory_mb" {
  description = "Memory in MB."
  value       = aws_lambda_function.this.memory_size
}

output "policy" {
  description = "IAM policy of the function's role as JSON: `permissions`, its log and its traces."
  value       = aws_iam_role_policy.this.policy
}
