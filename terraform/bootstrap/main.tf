# What all environments of one AWS account share: the bucket that keeps their state, and API Gateway's leave to log.
# Applied once per account, by hand. Its own state stays on the machine that ran it; when it is lost, `terraform import`
# brings the bucket back.
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

# API Gateway writes the access log of a WebSocket API with a role that is one setting of the account and region. No
# environment may own it: whichever was destroyed would take it from the others.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
resource "aws_iam_role" "api_gateway_logs" {
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
  role       = aws_iam_role.api_gateway_logs.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.api_gateway_logs.arn

  # API Gateway refuses a role that cannot write logs.
  depends_on = [aws_iam_role_policy_attachment.api_gateway_logs]
}
