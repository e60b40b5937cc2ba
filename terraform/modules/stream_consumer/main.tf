resource "aws_sqs_queue" "failures" {
  name                      = "${var.name}-failures"
  message_retention_seconds = 14 * 24 * 60 * 60 # the longest that SQS keeps a message
  sqs_managed_sse_enabled   = true
}

resource "aws_iam_role_policy" "this" {
  name = "stream"
  role = var.role_name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Resource = var.stream_arn
      },
      {
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.failures.arn
      },
    ]
  })
}

resource "aws_lambda_event_source_mapping" "this" {
  function_name     = var.function_arn
  event_source_arn  = var.stream_arn
  starting_position = "LATEST"

  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = var.events })
    }
  }

  # One at a time from each shard, as soon as it is there: the changes of one row arrive in their order.
  parallelization_factor             = 1
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = 0

  # A shard waits for the record that fails, so it fails for good after a while, alone, and the queue says which it was.
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 10
  maximum_record_age_in_seconds  = 3600

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.failures.arn
    }
  }

  # Lambda refuses a function whose role cannot read the stream.
  depends_on = [aws_iam_role_policy.this]
}
