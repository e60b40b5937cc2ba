output "policy" {
  description = "IAM policy that this module adds to the function's role, as JSON."
  value       = aws_iam_role_policy.this.policy
}

output "mapping" {
  description = "The event source mapping: stream, function, batch size and filter patterns."
  value = {
    stream_arn   = aws_lambda_event_source_mapping.this.event_source_arn
    function_arn = aws_lambda_event_source_mapping.this.function_name
    batch_size   = aws_lambda_event_source_mapping.this.batch_size
    filters      = flatten([for criteria in aws_lambda_event_source_mapping.this.filter_criteria : [for filter in criteria.filter : filter.pattern]])
  }
}

output "mapping_uuid" {
  description = "UUID of the event source mapping: the dimension of its metrics, and part of the keys of its failed records."
  value       = aws_lambda_event_source_mapping.this.uuid
}
