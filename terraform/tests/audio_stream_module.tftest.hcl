# modules/audio_stream: capacity, encryption and retention.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  name = "session-service-dev-audio"
}

run "the_stream" {
  command = plan

  module {
    source = "./modules/audio_stream"
  }

  assert {
    condition     = aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "The stream grows with the number of speakers."
  }

  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == "alias/aws/kinesis"
    error_message = "The stream is encrypted."
  }

  assert {
    condition     = aws_kinesis_stream.this.retention_period == 24
    error_message = "What people said is kept for 24 hours, the least that Kinesis allows."
  }

  assert {
    condition     = output.name == "session-service-dev-audio"
    error_message = "The output is the name of the stream."
  }
}

run "a_malformed_name_is_rejected" {
  command         = plan
  expect_failures = [var.name]

  module {
    source = "./modules/audio_stream"
  }

  variables {
    name = "session service"
  }
}
