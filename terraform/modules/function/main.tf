resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts every log group with its own key, and the logs hold no personal data.
  #checkov:skip=CKV_AWS_338:Each environment sets its own retention (log_retention_days).

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

locals {
  # All actions that may be allowed on `*`: they act on no resource. (A custom terminology is one, but nothing here has any.)
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonpolly.html (its one resource is a lexicon)
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazontranslate.html
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
  actions_without_resource = ["polly:SynthesizeSpeech", "translate:TranslateText", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
}

resource "aws_iam_role" "this" {
  name = var.name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "own"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [for permission in var.permissions : {
        Effect   = "Allow"
        Action   = permission.actions
        Resource = permission.resource
      }],
      [
        {
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = "${aws_cloudwatch_log_group.this.arn}:*" # the streams of this log group
        },
        {
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = "*"
        },
      ],
    )
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:API throttles and stream shards limit its concurrency. Reserved concurrency would reduce that of the account.
  #checkov:skip=CKV_AWS_116:API Gateway waits for the answer and reports a failure to the client. Failed stream records go to S3 (modules/stream_consumer).
  #checkov:skip=CKV_AWS_117:It calls public AWS APIs with IAM only. A VPC would add cost without protecting anything.
  #checkov:skip=CKV_AWS_173:Lambda encrypts them with its own key. The secrets hash IP addresses and sign page cursors; none grants access.
  #checkov:skip=CKV_AWS_272:Zips are stored under their SHA-256, and only deployers may write to the bucket.

  function_name = var.name
  description   = var.release
  publish       = true
  role          = aws_iam_role.this.arn
  handler       = var.handler
  runtime       = var.runtime
  architectures = [var.architecture]
  s3_bucket     = var.zip.bucket
  s3_key        = var.zip.key
  memory_size   = var.memory_mb
  timeout       = var.timeout_seconds

  environment {
    variables = var.environment
  }

  tracing_config {
    mode = "Active"
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
    log_group             = aws_cloudwatch_log_group.this.name
  }

  # Without the policy the first invocations could not write logs or use the tables.
  depends_on = [aws_iam_role_policy.this]
}

# Every caller invokes this alias. Terraform only creates it. `make apply`, `rollout` and `rollback` point it at a version;
# if Terraform did so too, the next apply would undo a rollback (docs/adr/0009-who-moves-the-alias.md).
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}
