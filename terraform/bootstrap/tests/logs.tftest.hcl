# The role with which API Gateway writes logs.

mock_provider "aws" {
  override_during = plan
  source          = "../tests/mocks"
}

run "the_accounts_role" {
  command = plan

  assert {
    condition     = aws_api_gateway_account.this.cloudwatch_role_arn == "arn:aws:iam::123456789012:role/own"
    error_message = "API Gateway's account setting has the role of this root."
  }

  assert {
    condition     = jsondecode(aws_iam_role.api_gateway_logs.assume_role_policy).Statement[0].Principal == { Service = "apigateway.amazonaws.com" }
    error_message = "Only API Gateway may assume the role."
  }

  assert {
    condition = (
      aws_iam_role_policy_attachment.api_gateway_logs.role == "session-service-api-gateway-logs" &&
      aws_iam_role_policy_attachment.api_gateway_logs.policy_arn == "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    )
    error_message = "The role has the AWS managed policy for logs."
  }
}
