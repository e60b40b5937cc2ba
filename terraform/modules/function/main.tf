resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts every log with its own key, and nothing private is logged.
  #checkov:skip=CKV_AWS_338:How long a log is kept is each environment's choice (log_retention_days).

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
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
          Resource = "${aws_cloudwatch_log_group.this.arn}:*" # the streams of this one group
        },
        {
          # The only `*`: X-Ray knows no resource to name for these two.
          # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
          Effect   = "Allow"
          Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
          Resource = "*"
        },
      ],
    )
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:The APIs' throttles or a stream's shards bound it; reserved concurrency would take from the whole account.
  #checkov:skip=CKV_AWS_116:API Gateway waits for the answer and reports a failure to the client. Failed stream records go to S3 (modules/stream_consumer).
  #checkov:skip=CKV_AWS_117:It calls AWS APIs alone, with IAM; a network of its own would only add cold starts.
  #checkov:skip=CKV_AWS_173:Lambda encrypts them with its own key; the one secret among them only hides addresses from readers of a table.
  #checkov:skip=CKV_AWS_272:The zip's name is its content's hash, and only the account's deployers may write to its bucket.

  function_name = var.name
  description   = var.release
  publish       = true
  role          = aws_iam_role.this.arn
  handler       = var.handler
  runtime       = var.runtime
  architectures = [var.architecture]
  s3_bucket     = var.zip.bucket
  s3_key        = var.zip.key
  memory_size   = 512
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

  # Without its policy the first invocations would neither log nor reach the table.
  depends_on = [aws_iam_role_policy.this]
}

# What everybody calls. Terraform only makes it; where it points is moved by make apply, rollout and rollback, and a plan
# that wanted to move it too would undo a rollback (docs/adr/0009-who-moves-the-alias.md).
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}
