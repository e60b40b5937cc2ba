output "policy" {
  description = "What the function's role may do as a consumer of the stream, as an IAM policy in JSON."
  value       = aws_iam_role_policy.this.policy
}

output "mapping" {
  description = "Which stream leads to which function, and which of its records."
  value = {
    stream_arn   = aws_lambda_event_source_mapping.this.event_source_arn
    function_arn = aws_lambda_event_source_mapping.this.function_name
    batch_size   = aws_lambda_event_source_mapping.this.batch_size
    filters      = flatten([for criteria in aws_lambda_event_source_mapping.this.filter_criteria : [for filter in criteria.filter : filter.pattern]])
  }
}

output "failures_queue_arn" {
  description = "ARN of the queue that tells which records the function could not handle."
  value       = aws_sqs_queue.failures.arn
}

output "failures_queue_name" {
  description = "Name of that queue."
  value       = aws_sqs_queue.failures.name
}
