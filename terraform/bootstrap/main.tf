# What all environments of an AWS account share: the bucket of their Terraform states, the IAM role with which API Gateway
# writes logs, and the roles of GitHub Actions. Applied once per account, by hand. Each account has a workspace of its own,
# named by the account id. Its state is a local file; if it is lost, `terraform import` restores it.
terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  region = var.aws_region
  # With the state of another account Terraform would miss its resources and plan to create them here.
  allowed_account_ids = [terraform.workspace]

  default_tags {
    tags = { Service = "session-service", ManagedBy = "terraform" }
  }
}

data "aws_caller_identity" "current" {}

module "state" {
  source = "../modules/bucket"

  name          = "session-service-state-${data.aws_caller_identity.current.account_id}"
  force_destroy = false
}

resource "aws_s3_bucket_policy" "tls_only" {
  bucket = module.state.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [module.state.arn, "${module.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

# API Gateway writes the access logs of WebSocket APIs with a role that is set once for the account and region. If an
# environment owned this setting, destroying it would stop the access logs of all others.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
resource "aws_iam_role" "api_gateway_logs" {
  count = var.api_gateway_logs_role_arn == null ? 1 : 0

  name = "session-service-api-gateway-logs"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "api_gateway_logs" {
  count = length(aws_iam_role.api_gateway_logs)

  role       = aws_iam_role.api_gateway_logs[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

# Every account has this setting already. Without the import Terraform would set the role whatever the account had; with it,
# the plan shows which role it would replace.
import {
  to = aws_api_gateway_account.this
  id = "api-gateway-account"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = var.api_gateway_logs_role_arn != null ? var.api_gateway_logs_role_arn : aws_iam_role.api_gateway_logs[0].arn

  # API Gateway rejects a role that cannot write logs.
  depends_on = [aws_iam_role_policy_attachment.api_gateway_logs]
}
