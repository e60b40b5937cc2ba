output "name" {
  description = "Name of the function in AWS."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "live" {
  description = "The alias that callers invoke: its name, its ARN, and the ARN that API Gateway invokes it by."
  value = {
    name       = aws_lambda_alias.live.name
    arn        = aws_lambda_alias.live.arn
    invoke_arn = aws_lambda_alias.live.invoke_arn
  }
}

output "handler" {
  description = "Dotted path that Lambda calls."
  value       = aws_lambda_function.this.handler
}

output "environment" {
  description = "Environment variables that the function got."
  value       = one(aws_lambda_function.this.environment[*].variables)
}

output "role_name" {
  description = "Name of the function's role, for what else must be allowed to it."
  value       = aws_iam_role.this.name
}

output "timeout_seconds" {
  description = "Seconds after which Lambda ends an invocation."
  value       = aws_lambda_function.this.timeout
}

output "policy" {
  description = "What `permissions` have made of the function's role, with its log and its traces, as an IAM policy in JSON."
  value       = aws_iam_role_policy.this.policy
}
