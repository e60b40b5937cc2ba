# modules/bucket: private, encrypted and versioned; objects that expire.

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
    condition     = aws_s3_bucket_versioning.this[0].versioning_configuration[0].status == "Enabled"
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
    error_message = "A bucket with objects is destroyed only with force_destroy."
  }
}

run "objects_that_expire" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    expiration_days = 14
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this[0].rule[0].status == "Enabled" &&
      aws_s3_bucket_lifecycle_configuration.this[0].rule[0].expiration[0].days == 14 &&
      aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration[0].noncurrent_days == 1
    )
    error_message = "Objects expire after the given days, and their old versions one day later."
  }
}

run "objects_that_are_gone_once_they_expire" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  variables {
    versioned       = false
    expiration_days = 1
  }

  assert {
    condition     = length(aws_s3_bucket_versioning.this) == 0
    error_message = "The bucket keeps no old versions."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this[0].rule[0].expiration[0].days == 1 &&
      length(aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration) == 0
    )
    error_message = "Objects expire after a day, and leave no old versions that would have to expire."
  }
}

run "objects_that_do_not_expire" {
  command = plan

  module {
    source = "./modules/bucket"
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "Without expiration_days no object expires."
  }
}

run "an_expiration_after_0_days_is_rejected" {
  command         = plan
  expect_failures = [var.expiration_days]

  module {
    source = "./modules/bucket"
  }

  variables {
    expiration_days = 0
  }
}

run "an_invalid_name_is_rejected" {
  command         = plan
  expect_failures = [var.name]

  module {
    source = "./modules/bucket"
  }

  variables {
    name = "Session_Service"
  }
}
