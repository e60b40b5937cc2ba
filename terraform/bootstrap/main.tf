# The bucket that keeps the state of every environment of one AWS account: applied once per account, by hand. Its own
# state stays on the machine that ran it; when it is lost, `terraform import` brings the bucket back.
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
