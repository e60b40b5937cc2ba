# The whole service: each function's exact environment, permissions, code and route, and the tables behind them.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = module.table["sessions"].aws_dynamodb_table.this
  values          = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions" }
}

variables {
  environment            = "dev"
  aws_region             = "us-east-1"
  dist_dir               = "tests/fixtures"
  session_id_digits      = 6
  cors_allow_origins     = ["*"]
  log_retention_days     = 7
  deletion_protection    = false
  point_in_time_recovery = false
  throttles              = { default = { requests_per_second = 50, burst = 100 } }
}

run "functions" {
  command = plan

  assert {
    condition = jsonencode({ for name, function in module.function : name => function.environment }) == jsonencode({
      create_session = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions", SESSION_ID_DIGITS = "6" }
      get_session    = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions" }
      update_session = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions" }
      delete_session = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions" }
      health         = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions", VERSION = "1.2.3+0123456789ab" }
    })
    error_message = "A function gets exactly the environment that it reads."
  }

  assert {
    condition = jsonencode({
      for name, function in module.function : name => {
        for statement in jsondecode(function.policy).Statement :
        join(",", flatten([statement.Resource])) => statement.Action if strcontains(jsonencode(statement.Action), "dynamodb:")
      }
      }) == jsonencode({
      create_session = { "arn:aws:dynamodb:us-east-1:123456789012:table/sessions" = ["dynamodb:PutItem"] }
      get_session    = { "arn:aws:dynamodb:us-east-1:123456789012:table/sessions" = ["dynamodb:GetItem"] }
      update_session = { "arn:aws:dynamodb:us-east-1:123456789012:table/sessions" = ["dynamodb:UpdateItem"] }
      delete_session = { "arn:aws:dynamodb:us-east-1:123456789012:table/sessions" = ["dynamodb:UpdateItem"] }
      health         = { "arn:aws:dynamodb:us-east-1:123456789012:table/sessions" = ["dynamodb:GetItem"] }
    })
    error_message = "A function may do exactly what it does, on exactly the sessions table."
  }

  assert {
    condition = alltrue([
      for name, function in module.function : function.handler == "functions.${name}.handler.handler"
    ])
    error_message = "The handler's path is the function's folder."
  }

  assert {
    condition     = { for name, object in aws_s3_object.zip : name => object.key }["create_session"] == "create_session/c1.zip"
    error_message = "A zip lies under its content's hash, so new code is a new key."
  }

  assert {
    condition     = endswith(aws_s3_object.zip["health"].source, "/health.zip")
    error_message = "A zip is the file that the manifest names."
  }

  assert {
    condition     = output.function_names["get_session"] == "session-service-dev-get_session"
    error_message = "A function's name in AWS is the service's, the environment's and its own."
  }
}

run "routes" {
  command = plan

  variables {
    throttles = {
      default = { requests_per_second = 50, burst = 100 }
      routes  = { "GET /health" = { requests_per_second = 10, burst = 20 } }
    }
  }

  assert {
    condition = jsonencode({ for key, route in module.http_api.routes : key => [route.function_name, route.authorization_type] }) == jsonencode({
      "POST /sessions"               = ["session-service-dev-create_session", "JWT"]
      "GET /sessions/{sessionId}"    = ["session-service-dev-get_session", "NONE"]
      "PATCH /sessions/{sessionId}"  = ["session-service-dev-update_session", "JWT"]
      "DELETE /sessions/{sessionId}" = ["session-service-dev-delete_session", "JWT"]
      "GET /health"                  = ["session-service-dev-health", "NONE"]
    })
    error_message = "The API is these routes: whoever changes a session is signed in, whoever looks one up need not be."
  }

  assert {
    condition = jsonencode({ for key, route in module.http_api.routes : key => [route.requests_per_second, route.burst] }) == jsonencode({
      "POST /sessions"               = [50, 100]
      "GET /sessions/{sessionId}"    = [50, 100]
      "PATCH /sessions/{sessionId}"  = [50, 100]
      "DELETE /sessions/{sessionId}" = [50, 100]
      "GET /health"                  = [10, 20]
    })
    error_message = "A route has its own limit where one is given, and the default where none is."
  }

  assert {
    condition = jsonencode(module.http_api.jwt) == jsonencode({
      audience = ["own-client"]
      issuer   = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Own"
    })
    error_message = "The service's own pool and client sign speakers in."
  }
}

run "tables" {
  command = plan

  assert {
    condition = jsonencode({ for name, table in module.table : name => table.shape }) == jsonencode({
      sessions    = { hash_key = "sessionId", range_key = null, ttl_attribute = "expiresAt", stream_view_type = "NEW_AND_OLD_IMAGES" }
      connections = { hash_key = "sessionId", range_key = "connectionId", ttl_attribute = "expiresAt", stream_view_type = null }
    })
    error_message = "Sessions are streamed, both tables expire by expiresAt, and every row is addressed by its full key."
  }
}
