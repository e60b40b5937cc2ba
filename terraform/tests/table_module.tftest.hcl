# modules/table: keys, TTL, stream, indexes, encryption, backups and deletion protection.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  name                   = "session-service-dev-sessions"
  hash_key               = "sessionId"
  ttl_attribute          = "expiresAt"
  stream                 = true
  point_in_time_recovery = true
  deletion_protection    = true
}

run "a_protected_table_with_a_stream" {
  command = plan

  module {
    source = "./modules/table"
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "sessionId" && aws_dynamodb_table.this.range_key == null
    error_message = "Without a sort key attribute the table has none."
  }

  assert {
    condition     = aws_dynamodb_table.this.ttl[0].enabled && aws_dynamodb_table.this.ttl[0].attribute_name == "expiresAt"
    error_message = "The TTL attribute is as given."
  }

  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && aws_dynamodb_table.this.stream_view_type == "NEW_AND_OLD_IMAGES"
    error_message = "The stream has the old and the new image of each change."
  }

  assert {
    condition     = output.stream_arn == "arn:aws:dynamodb:us-east-1:123456789012:table/own/stream/now"
    error_message = "The output is the ARN of the stream."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST" && length(aws_dynamodb_table.this.server_side_encryption) == 0
    error_message = "A table is on-demand, and encrypted by DynamoDB's own key: a key in KMS would be billed for each request."
  }

  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "A protected table has backups and cannot be deleted."
  }
}

run "an_unprotected_table_with_a_sort_key" {
  command = plan

  module {
    source = "./modules/table"
  }

  variables {
    range_key              = "connectionId"
    stream                 = false
    point_in_time_recovery = false
    deletion_protection    = false
  }

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "sessionId" && aws_dynamodb_table.this.range_key == "connectionId"
    error_message = "The sort key is as given."
  }

  assert {
    condition     = sort([for attribute in aws_dynamodb_table.this.attribute : "${attribute.name}:${attribute.type}"]) == tolist(["connectionId:S", "sessionId:S"])
    error_message = "Both keys are strings, unless a type is given."
  }

  assert {
    condition     = !aws_dynamodb_table.this.stream_enabled && !aws_dynamodb_table.this.point_in_time_recovery[0].enabled && !aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "Stream, backups and deletion protection are off unless they are requested."
  }

  assert {
    condition     = output.stream_arn == null
    error_message = "Without a stream the output is null."
  }
}

run "a_sort_key_that_is_a_number" {
  command = plan

  module {
    source = "./modules/table"
  }

  variables {
    range_key      = "sessionCreatedAt"
    range_key_type = "N"
  }

  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { sessionId = "S", sessionCreatedAt = "N" }
    error_message = "The sort key has the given type, the partition key is a string."
  }
}

run "a_sort_key_is_a_string_or_a_number" {
  command         = plan
  expect_failures = [var.range_key_type]

  module {
    source = "./modules/table"
  }

  variables {
    range_key      = "sessionCreatedAt"
    range_key_type = "B"
  }
}

run "indexes" {
  command = plan

  module {
    source = "./modules/table"
  }

  variables {
    indexes = {
      byDueAt   = { hash_key = "duePartition", range_key = "dueAt", projected_attributes = [] }
      bySpeaker = { hash_key = "speakerId", range_key = "createdAt", projected_attributes = null }
      byStatus  = { hash_key = "status", range_key = "expiresAt", projected_attributes = ["sourceLanguage"] }
    }
  }

  assert {
    condition = jsonencode({
      for index in aws_dynamodb_table.this.global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type, index.non_key_attributes]
      }) == jsonencode({
      byDueAt   = ["duePartition", "dueAt", "KEYS_ONLY", null]
      bySpeaker = ["speakerId", "createdAt", "ALL", null]
      byStatus  = ["status", "expiresAt", "INCLUDE", ["sourceLanguage"]]
    })
    error_message = "An index has its keys and projects the given attributes: none, all or some."
  }

  assert {
    condition = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == {
      sessionId = "S", duePartition = "S", dueAt = "N", speakerId = "S", createdAt = "N", status = "S", expiresAt = "N"
    }
    error_message = "The partition key of an index is a string, its sort key a number."
  }
}
