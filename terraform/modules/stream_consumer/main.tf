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
        # The account is named so that failed records cannot reach a bucket that somebody else creates under this name after
        # ours was deleted: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html#ddb-s3-destination-security
        Effect    = "Allow"
        Action    = ["s3:ListBucket", "s3:PutObject"]
        Resource  = [var.failed_records_bucket_arn, "${var.failed_records_bucket_arn}/*"]
        Condition = { StringEquals = { "s3:ResourceAccount" = var.account_id } }
      },
    ]
  })
}

resource "aws_lambda_event_source_mapping" "this" {
  function_name    = var.function_arn
  event_source_arn = var.stream_arn
  # With LATEST Lambda may miss records while a mapping is created or updated.
  # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
  starting_position = "TRIM_HORIZON"

  filter_criteria {
    filter {
      pattern = jsonencode(merge(
        { eventName = var.events },
        [
          for attributes in [var.new_image] :
          { dynamodb = { NewImage = { for name, type in attributes : name => { (type) = [{ exists = true }] } } } } if length(attributes) > 0
        ]...
      ))
    }
  }

  # Lanes of each shard. The records of one item stay in one lane, and so in order; those of one partition key may not.
  parallelization_factor             = var.parallelization_factor
  batch_size                         = var.batch_size
  maximum_batching_window_in_seconds = var.batching_window_seconds

  # A failing record blocks its shard. Bisecting isolates it; after these limits Lambda stores it in the bucket and continues.
  function_response_types        = ["ReportBatchItemFailures"]
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 10
  maximum_record_age_in_seconds  = 3600

  destination_config {
    on_failure {
      destination_arn = var.failed_records_bucket_arn
    }
  }

  # Without it CloudWatch has no metric of records that were stored or lost.
  metrics_config {
    metrics = ["EventCount"]
  }

  # Lambda refuses to create a mapping whose role cannot read the stream.
  depends_on = [aws_iam_role_policy.this]
}
