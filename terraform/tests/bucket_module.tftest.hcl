# modules/bucket: private, encrypted, versioned.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  name          = "session-service-dev-artifacts-123456789012"
  force_destroy = false
}

run "the_bucket" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "A bucket is versioned."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "A bucket is encrypted."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "A bucket is never public."
  }

  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "A bucket that holds something is not destroyed unless asked."
  }
}

run "a_name_that_s3_would_refuse" {
  command         = plan
  expect_failures = [var.name]

  module {
    source = "./modules/bucket"
  }

  variables {
    name = "Session_Service"
  }
}
