# The role with which API Gateway writes logs.

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

run "the_accounts_role" {
  command = plan

  assert {
    condition     = aws_api_gateway_account.this.cloudwatch_role_arn == "arn:aws:iam::123456789012:role/own"
    error_message = "API Gateway's account setting has the role of this root."
  }

  assert {
    condition     = jsondecode(aws_iam_role.api_gateway_logs[0].assume_role_policy).Statement[0].Principal == { Service = "apigateway.amazonaws.com" }
    error_message = "Only API Gateway may assume the role."
  }

  assert {
    condition = (
      aws_iam_role_policy_attachment.api_gateway_logs[0].role == "session-service-api-gateway-logs" &&
      aws_iam_role_policy_attachment.api_gateway_logs[0].policy_arn == "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    )
    error_message = "The role has the AWS managed policy for logs."
  }
}

run "an_existing_role_is_kept" {
  command = plan

  variables {
    api_gateway_logs_role_arn = "arn:aws:iam::123456789012:role/existing"
  }

  assert {
    condition     = aws_api_gateway_account.this.cloudwatch_role_arn == "arn:aws:iam::123456789012:role/existing"
    error_message = "API Gateway's account setting keeps the role."
  }

  assert {
    condition     = length(aws_iam_role.api_gateway_logs) + length(aws_iam_role_policy_attachment.api_gateway_logs) == 0
    error_message = "No other role is created."
  }
}

run "a_name_instead_of_an_arn_is_rejected" {
  command         = plan
  expect_failures = [var.api_gateway_logs_role_arn]

  variables {
    api_gateway_logs_role_arn = "existing"
  }
}
