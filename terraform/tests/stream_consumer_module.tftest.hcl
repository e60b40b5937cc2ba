# modules/stream_consumer: which records invoke the function, in which order, and what happens to failed records.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  function_arn              = "arn:aws:lambda:us-east-1:123456789012:function:things_changed"
  role_name                 = "things_changed"
  stream_arn                = "arn:aws:dynamodb:us-east-1:123456789012:table/things/stream/now"
  events                    = ["REMOVE"]
  batch_size                = 25
  failed_records_bucket_arn = "arn:aws:s3:::failed"
  account_id                = "123456789012"
}

run "the_mapping" {
  command = plan

  module {
    source = "./modules/stream_consumer"
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this.event_source_arn == "arn:aws:dynamodb:us-east-1:123456789012:table/things/stream/now" &&
      aws_lambda_event_source_mapping.this.function_name == "arn:aws:lambda:us-east-1:123456789012:function:things_changed"
    )
    error_message = "The mapping reads the stream and invokes the function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.starting_position == "TRIM_HORIZON"
    error_message = "A new consumer starts with the oldest records, so that it misses none."
  }

  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.filter_criteria).filter).pattern == "{\"eventName\":[\"REMOVE\"]}"
    error_message = "Only records with the given event names invoke the function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.parallelization_factor == 1
    error_message = "Unless lanes are given, a shard has one, and its records are handled in order."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 25 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 0
    error_message = "A record does not wait for a full batch, and the batch size is as given."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.this.bisect_batch_on_function_error
    error_message = "A batch is retried from the record that the function reports, and split if the function crashes."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.maximum_retry_attempts == 10 && aws_lambda_event_source_mapping.this.maximum_record_age_in_seconds == 3600
    error_message = "A failing record blocks its shard for a limited time."
  }
}

run "lanes_windows_and_a_filter_of_the_new_image" {
  command = plan

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    parallelization_factor  = 10
    batching_window_seconds = 1
    new_image               = { awakeSince = "N" }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.parallelization_factor == 10 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 1
    error_message = "Lanes and window are as given."
  }

  assert {
    condition = jsondecode(one(one(aws_lambda_event_source_mapping.this.filter_criteria).filter).pattern) == {
      eventName = ["REMOVE"]
      dynamodb  = { NewImage = { awakeSince = { N = [{ exists = true }] } } }
    }
    error_message = "Only records whose new image has the attribute invoke the function."
  }
}

run "lanes_and_windows_above_the_limits_of_lambda_are_rejected" {
  command         = plan
  expect_failures = [var.parallelization_factor, var.batching_window_seconds]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    parallelization_factor  = 11
    batching_window_seconds = 301
  }
}

run "a_filter_by_a_map_is_rejected" {
  command         = plan
  expect_failures = [var.new_image]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    new_image = { address = "M" }
  }
}

run "failed_records" {
  command = plan

  module {
    source = "./modules/stream_consumer"
  }

  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.destination_config).on_failure).destination_arn == "arn:aws:s3:::failed"
    error_message = "Failed records are stored in the bucket."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.this.metrics_config).metrics == toset(["EventCount"])
    error_message = "The mapping has metrics of stored and lost records."
  }

  assert {
    condition     = output.mapping_uuid == "11111111-2222-3333-4444-555555555555"
    error_message = "The output is the UUID of the mapping."
  }
}

run "the_role" {
  command = plan

  module {
    source = "./modules/stream_consumer"
  }

  assert {
    condition     = aws_iam_role_policy.this.role == "things_changed"
    error_message = "The policy is attached to the function's role."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement) == jsonencode([
      {
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
        Resource = "arn:aws:dynamodb:us-east-1:123456789012:table/things/stream/now"
      },
      {
        Effect    = "Allow"
        Action    = ["s3:ListBucket", "s3:PutObject"]
        Resource  = ["arn:aws:s3:::failed", "arn:aws:s3:::failed/*"]
        Condition = { StringEquals = { "s3:ResourceAccount" = "123456789012" } }
      },
    ])
    error_message = "The role may read its stream and store failed records in a bucket of its own account."
  }
}

run "an_unknown_event_name_is_rejected" {
  command         = plan
  expect_failures = [var.events]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    events = ["DELETE"]
  }
}

run "a_consumer_without_events_is_rejected" {
  command         = plan
  expect_failures = [var.events]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    events = []
  }
}

run "a_batch_size_of_0_is_rejected" {
  command         = plan
  expect_failures = [var.batch_size]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    batch_size = 0
  }
}

run "a_destination_that_is_not_a_bucket_is_rejected" {
  command         = plan
  expect_failures = [var.failed_records_bucket_arn]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    failed_records_bucket_arn = "arn:aws:sqs:us-east-1:123456789012:failed"
  }
}
