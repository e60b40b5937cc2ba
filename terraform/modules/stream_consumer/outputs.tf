output "policy" {
  description = "IAM policy that this module adds to the function's role, as JSON."
  value       = aws_iam_role_policy.this.policy
}

output "mapping" {
  description = "The event source mapping: stream, function, lanes of each shard, batch size and window, and filter patterns."
  value = {
    stream_arn              = aws_lambda_event_source_mapping.this.event_source_arn
    function_arn            = aws_lambda_event_source_mapping.this.function_name
    parallelization_factor  = aws_lambda_event_source_mapping.this.parallelization_factor
    batch_size              = aws_lambda_event_source_mapping.this.batch_size
    batching_window_seconds = aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds
    filters                 = flatten([for criteria in aws_lambda_event_source_mapping.this.filter_criteria : [for filter in criteria.filter : filter.pattern]])
  }
}

output "mapping_uuid" {
  description = "UUID of the event source mapping: the dimension of its metrics, and part of the keys of its failed records."
  value       = aws_lambda_event_source_mapping.this.uuid
}
