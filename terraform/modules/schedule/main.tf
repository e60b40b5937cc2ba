# Only this role may invoke the alias, and only EventBridge Scheduler may assume it, for schedules of this account. Scheduler compares
# the ARN of the schedule's group, not that of the schedule.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
resource "aws_iam_role" "this" {
  name = "${var.function_name}-schedule"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = var.account_id
          "aws:SourceArn"     = "arn:aws:scheduler:${var.region}:${var.account_id}:schedule-group/default"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "invoke"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "lambda:InvokeFunction", Resource = var.alias.arn }]
  })
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:AWS's own key encrypts the schedule, which holds nothing but the name of the function.

  name                = var.function_name
  schedule_expression = var.expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.alias.arn
    role_arn = aws_iam_role.this.arn
    # Not jsonencode: it writes `<` as \u003c, which Scheduler would not replace by the time.
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    input = "{\"time\":\"<aws.scheduler.scheduled-time>\"}"

    # No retries: the next invocation does what this one did not.
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0
    }
  }

  # Scheduler refuses to create a schedule whose role it cannot use.
  depends_on = [aws_iam_role_policy.this]
}

# Scheduler invokes a function asynchronously, and Lambda itself would retry such an event twice and keep it for six hours.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = var.function_name
  qualifier                    = var.alias.name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}
