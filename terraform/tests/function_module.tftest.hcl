# modules/function: limits, log, and a role with exactly the given permissions, on `*` for named actions only.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  name               = "session-service-dev-health"
  handler            = "functions.health.handler.handler"
  zip                = { bucket = "zips", key = "health/e5.zip" }
  release            = "1.2.3+0123456789ab"
  runtime            = "python3.12"
  architecture       = "arm64"
  timeout_seconds    = 10
  memory_mb          = 512
  environment        = { SESSIONS_TABLE = "sessions" }
  log_retention_days = 14
  permissions = {
    sessions = { resource = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions", actions = ["dynamodb:GetItem"] }
    sockets  = { resource = "arn:aws:execute-api:us-east-1:123456789012:api1/ws/POST/@connections/*", actions = ["execute-api:ManageConnections"] }
  }
}

run "the_function" {
  command = plan

  module {
    source = "./modules/function"
  }

  assert {
    condition     = aws_lambda_function.this.timeout == 10 && aws_lambda_function.this.memory_size == 512
    error_message = "The timeout and the memory are as given."
  }

  assert {
    condition     = aws_lambda_function.this.publish && aws_lambda_function.this.description == "1.2.3+0123456789ab"
    error_message = "Each release is published as a version with the release as its description."
  }

  assert {
    condition     = aws_lambda_alias.live.name == "live" && aws_lambda_alias.live.function_name == "session-service-dev-health"
    error_message = "Callers invoke the alias `live`."
  }

  assert {
    condition     = aws_lambda_function.this.runtime == "python3.12" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "A function has the runtime and architecture of its zip."
  }

  assert {
    condition     = aws_lambda_function.this.s3_bucket == "zips" && aws_lambda_function.this.s3_key == "health/e5.zip"
    error_message = "The code of a function comes from S3."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "A function is traced by X-Ray."
  }

  assert {
    condition = jsonencode(aws_lambda_function.this.logging_config[0]) == jsonencode({
      application_log_level = "INFO"
      log_format            = "JSON"
      log_group             = "/aws/lambda/session-service-dev-health"
      system_log_level      = "WARN"
    })
    error_message = "A function logs JSON into its own log group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/session-service-dev-health" && aws_cloudwatch_log_group.this.retention_in_days == 14
    error_message = "The log group has the function's name, and its lines expire."
  }
}

run "the_role" {
  command = plan

  module {
    source = "./modules/function"
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement) == jsonencode([
      {
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions"
      },
      {
        Effect   = "Allow"
        Action   = ["execute-api:ManageConnections"]
        Resource = "arn:aws:execute-api:us-east-1:123456789012:api1/ws/POST/@connections/*"
      },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:aws:logs:us-east-1:123456789012:log-group:own:*"
      },
      {
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = "*"
      },
    ])
    error_message = "A role has the given permissions and may write its log and traces. Without another permission on `*`, only the X-Ray actions are allowed there."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal == { Service = "lambda.amazonaws.com" }
    error_message = "Only Lambda may assume the role."
  }
}

run "an_action_without_a_resource" {
  command = plan

  module {
    source = "./modules/function"
  }

  variables {
    permissions = { translate = { resource = "*", actions = ["translate:TranslateText"] } }
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement[0]) == jsonencode({
      Effect   = "Allow"
      Action   = ["translate:TranslateText"]
      Resource = "*"
    })
    error_message = "An action that acts on no resource is allowed on `*`."
  }
}

run "a_scan_is_rejected" {
  command         = plan
  expect_failures = [var.permissions]

  module {
    source = "./modules/function"
  }

  variables {
    permissions = { sessions = { resource = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions", actions = ["dynamodb:Scan"] } }
  }
}

run "a_wildcard_action_is_rejected" {
  command         = plan
  expect_failures = [var.permissions]

  module {
    source = "./modules/function"
  }

  variables {
    permissions = { sessions = { resource = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions", actions = ["dynamodb:*"] } }
  }
}

run "a_wildcard_resource_is_rejected" {
  command         = plan
  expect_failures = [var.permissions]

  module {
    source = "./modules/function"
  }

  variables {
    permissions = { sessions = { resource = "*", actions = ["dynamodb:GetItem"] } }
  }
}

run "a_wildcard_resource_for_other_actions_of_a_service_is_rejected" {
  command         = plan
  expect_failures = [var.permissions]

  module {
    source = "./modules/function"
  }

  variables {
    permissions = { translate = { resource = "*", actions = ["translate:TranslateText", "translate:TranslateDocument"] } }
  }
}

run "an_unknown_runtime_is_rejected" {
  command         = plan
  expect_failures = [var.runtime]

  module {
    source = "./modules/function"
  }

  variables {
    runtime = "python3.8"
  }
}

run "an_unknown_architecture_is_rejected" {
  command         = plan
  expect_failures = [var.architecture]

  module {
    source = "./modules/function"
  }

  variables {
    architecture = "aarch64"
  }
}

run "a_timeout_and_memory_above_the_limits_of_lambda_are_rejected" {
  command         = plan
  expect_failures = [var.timeout_seconds, var.memory_mb]

  module {
    source = "./modules/function"
  }

  variables {
    timeout_seconds = 901
    memory_mb       = 10241
  }
}
