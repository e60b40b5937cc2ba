# The state bucket: its name, and TLS only.

mock_provider "aws" {
  override_during = plan
  source          = "../tests/mocks"
}

# A mock provider cannot import.
override_resource {
  override_during = plan
  target          = aws_api_gateway_account.this
}

variables {
  aws_region = "us-east-1"
}

run "the_state_bucket" {
  command = plan

  override_resource {
    override_during = plan
    target          = module.state.aws_s3_bucket.this
    values          = { id = "session-service-state-123456789012", arn = "arn:aws:s3:::state" }
  }

  assert {
    condition     = output.state_bucket == "session-service-state-123456789012"
    error_message = "The name of the bucket ends with the account id."
  }

  assert {
    condition = jsonencode(jsondecode(aws_s3_bucket_policy.tls_only.policy).Statement) == jsonencode([{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::state", "arn:aws:s3:::state/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }])
    error_message = "Every request without TLS is denied."
  }
}

run "an_unknown_region_is_rejected" {
  command         = plan
  expect_failures = [var.aws_region]

  variables {
    aws_region = "Ireland"
  }
}
