# modules/schedule: when the function is invoked, with which event and by whom, and that nothing retries.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  function_name = "session-service-dev-clean"
  alias         = { name = "live", arn = "arn:aws:lambda:us-east-1:123456789012:function:session-service-dev-clean:live" }
  expression    = "rate(5 minutes)"
  region        = "us-east-1"
  account_id    = "123456789012"
}

run "the_schedule" {
  command = plan

  module {
    source = "./modules/schedule"
  }

  assert {
    condition     = aws_scheduler_schedule.this.schedule_expression == "rate(5 minutes)" && aws_scheduler_schedule.this.flexible_time_window[0].mode == "OFF"
    error_message = "The schedule is as given, without a flexible window."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].arn == "arn:aws:lambda:us-east-1:123456789012:function:session-service-dev-clean:live"
    error_message = "The schedule invokes the alias."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].input == "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
    error_message = "The event has the time, as the keyword that Scheduler replaces, character by character."
  }

  assert {
    condition = (
      aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_retry_attempts == 0 &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0 &&
      "${aws_lambda_function_event_invoke_config.this.function_name}:${aws_lambda_function_event_invoke_config.this.qualifier}" == "session-service-dev-clean:live"
    )
    error_message = "Neither Scheduler nor Lambda retries an invocation of the alias."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_event_age_in_seconds == 60 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 60
    error_message = "An event that could not be delivered for a minute is discarded."
  }
}

run "the_role" {
  command = plan

  module {
    source = "./modules/schedule"
  }

  assert {
    condition     = aws_iam_role.this.name == "session-service-dev-clean-schedule" && aws_scheduler_schedule.this.target[0].role_arn == "arn:aws:iam::123456789012:role/own"
    error_message = "The schedule has a role of its own."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement) == jsonencode([
      { Effect = "Allow", Action = "lambda:InvokeFunction", Resource = "arn:aws:lambda:us-east-1:123456789012:function:session-service-dev-clean:live" },
    ])
    error_message = "The role may invoke exactly this alias."
  }

  assert {
    condition = jsonencode(one(jsondecode(aws_iam_role.this.assume_role_policy).Statement)) == jsonencode({
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = "123456789012", "aws:SourceArn" = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default" }
      }
    })
    error_message = "Only Scheduler may assume the role, for schedules of this account."
  }
}

run "an_unknown_expression_is_rejected" {
  command         = plan
  expect_failures = [var.expression]

  module {
    source = "./modules/schedule"
  }

  variables {
    expression = "every minute"
  }
}

run "a_name_too_long_for_its_role_is_rejected" {
  command         = plan
  expect_failures = [var.function_name]

  module {
    source = "./modules/schedule"
  }

  variables {
    function_name = "a-name-of-a-function-with-more-than-fifty-five-characters"
  }
}
