# modules/stream_consumer: which records reach the function, in which order, and what becomes of those that fail.

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
    error_message = "The stream leads to the function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.starting_position == "LATEST"
    error_message = "What happened before the consumer was there does not concern it."
  }

  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.filter_criteria).filter).pattern == "{\"eventName\":[\"REMOVE\"]}"
    error_message = "Only the given kinds of records invoke the function."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.parallelization_factor == 1
    error_message = "The changes of one row are handled one after the other."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 25 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 0
    error_message = "A record waits for no other, and as many come at once as the function is ready for."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.this.bisect_batch_on_function_error
    error_message = "What was done is not done again: the function says where it stopped, and a batch that kills it is halved."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.maximum_retry_attempts == 10 && aws_lambda_event_source_mapping.this.maximum_record_age_in_seconds == 3600
    error_message = "A record that cannot be handled does not hold up the others for ever."
  }
}

run "failed_records" {
  command = plan

  module {
    source = "./modules/stream_consumer"
  }

  assert {
    condition     = one(one(aws_lambda_event_source_mapping.this.destination_config).on_failure).destination_arn == "arn:aws:s3:::failed"
    error_message = "A record that failed for the last time is stored in the bucket."
  }

  assert {
    condition     = one(aws_lambda_event_source_mapping.this.metrics_config).metrics == toset(["EventCount"])
    error_message = "CloudWatch counts the records that were stored and those that were lost."
  }

  assert {
    condition     = output.mapping_uuid == "11111111-2222-3333-4444-555555555555"
    error_message = "The metrics of a mapping have its UUID as their dimension."
  }
}

run "the_role" {
  command = plan

  module {
    source = "./modules/stream_consumer"
  }

  assert {
    condition     = aws_iam_role_policy.this.role == "things_changed"
    error_message = "The function's own role is given what a consumer needs."
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
    error_message = "A consumer may read its stream and store failed records in the bucket of its own account, and nothing else."
  }
}

run "an_unknown_kind_of_record_is_refused" {
  command         = plan
  expect_failures = [var.events]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    events = ["DELETE"]
  }
}

run "a_consumer_of_nothing_is_refused" {
  command         = plan
  expect_failures = [var.events]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    events = []
  }
}

run "an_empty_batch_is_refused" {
  command         = plan
  expect_failures = [var.batch_size]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    batch_size = 0
  }
}

run "a_destination_that_is_no_bucket_is_refused" {
  command         = plan
  expect_failures = [var.failed_records_bucket_arn]

  module {
    source = "./modules/stream_consumer"
  }

  variables {
    failed_records_bucket_arn = "arn:aws:sqs:us-east-1:123456789012:failed"
  }
}
