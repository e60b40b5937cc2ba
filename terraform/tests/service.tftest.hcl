# The whole service: environment, permissions, code and route of each function, the tables, and the streams that invoke
# functions.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

override_resource {
  override_during = plan
  target          = module.table["sessions"].aws_dynamodb_table.this
  values          = { arn = "arn:sessions", stream_arn = "arn:sessions-stream" }
}

override_resource {
  override_during = plan
  target          = module.table["connections"].aws_dynamodb_table.this
  values          = { arn = "arn:connections", stream_arn = "arn:connections-stream" }
}

override_resource {
  override_during = plan
  target          = module.table["audiences"].aws_dynamodb_table.this
  values          = { arn = "arn:audiences" }
}

override_resource {
  override_during = plan
  target          = module.table["idempotency_keys"].aws_dynamodb_table.this
  values          = { arn = "arn:idempotency_keys" }
}

override_resource {
  override_during = plan
  target          = module.table["rate_limits"].aws_dynamodb_table.this
  values          = { arn = "arn:rate_limits" }
}

override_resource {
  override_during = plan
  target          = module.table["live_captions"].aws_dynamodb_table.this
  values          = { arn = "arn:live_captions", stream_arn = "arn:live_captions-stream" }
}

override_resource {
  override_during = plan
  target          = module.table["captions"].aws_dynamodb_table.this
  values          = { arn = "arn:captions", stream_arn = "arn:captions-stream" }
}

override_resource {
  override_during = plan
  target          = module.audio_stream[0].aws_kinesis_stream.this
  values          = { arn = "arn:audio" }
}

override_resource {
  override_during = plan
  target          = module.websocket_api.aws_apigatewayv2_api.this
  values          = { api_endpoint = "wss://ws1.example.com", execution_arn = "arn:aws:execute-api:us-east-1:123456789012:ws1" }
}

override_resource {
  override_during = plan
  target          = module.failed_records.aws_s3_bucket.this
  values          = { arn = "arn:aws:s3:::failed-records" }
}

override_resource {
  override_during = plan
  target          = module.failed_captions.aws_s3_bucket.this
  values          = { arn = "arn:aws:s3:::failed-captions" }
}

override_resource {
  override_during = plan
  target          = module.voice.aws_s3_bucket.this
  values          = { arn = "arn:aws:s3:::voice", id = "voice" }
}

override_resource {
  override_during = plan
  target          = module.function["speak_captions"].aws_lambda_alias.live
  values          = { arn = "arn:speak_captions:live" }
}

override_resource {
  override_during = plan
  target          = module.function["connection_admitted"].aws_lambda_alias.live
  values          = { arn = "arn:connection_admitted:live" }
}

override_resource {
  override_during = plan
  target          = module.function["translate_captions"].aws_lambda_alias.live
  values          = { arn = "arn:translate_captions:live" }
}

override_resource {
  override_during = plan
  target          = module.function["session_changed"].aws_lambda_alias.live
  values          = { arn = "arn:session_changed:live" }
}

override_resource {
  override_during = plan
  target          = module.function["connections_changed"].aws_lambda_alias.live
  values          = { arn = "arn:connections_changed:live" }
}

override_resource {
  override_during = plan
  target          = module.function["presence_changed"].aws_lambda_alias.live
  values          = { arn = "arn:presence_changed:live" }
}

override_resource {
  override_during = plan
  target          = module.function["sweep_sessions"].aws_lambda_alias.live
  values          = { arn = "arn:aws:lambda:us-east-1:123456789012:function:sweep_sessions:live" }
}

variables {
  environment            = "dev"
  aws_region             = "us-east-1"
  allowed_account_ids    = ["123456789012"]
  dist_dir               = "tests/fixtures"
  session_id_digits      = 6
  cors_allow_origins     = ["*"]
  log_retention_days     = 7
  deletion_protection    = false
  point_in_time_recovery = false

  throttles = {
    http_api      = { default = { requests_per_second = 50, burst = 100 } }
    websocket_api = { default = { requests_per_second = 200, burst = 400 } }
  }

  max_listeners                 = 300
  speaker_absent_minutes        = 90
  sessions_per_speaker_per_hour = 40
  joins_per_address_per_minute  = 5
  caption_characters_per_minute = 1500
  max_languages                 = 7
  audio_stream                  = true
  failed_record_retention_days  = 14
}

run "functions" {
  command = plan

  assert {
    # Without the random keys: secrets.tftest.hcl tests them.
    condition = jsonencode({
      for name, function in module.function : name => { for key, value in function.environment : key => value if !can(regex("_KEY(_|$)", key)) }
      }) == jsonencode({
      create_session = {
        ENV                           = "dev"
        SESSIONS_TABLE                = "session-service-dev-sessions"
        IDEMPOTENCY_KEYS_TABLE        = "session-service-dev-idempotency_keys"
        SESSION_ID_DIGITS             = "6"
        MAX_LISTENERS                 = "300"
        RATE_LIMITS_TABLE             = "session-service-dev-rate_limits"
        SESSIONS_PER_SPEAKER_PER_HOUR = "40"
      }
      list_sessions  = { SESSIONS_TABLE = "session-service-dev-sessions" }
      get_session    = { SESSIONS_TABLE = "session-service-dev-sessions" }
      update_session = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions" }
      delete_session = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions" }
      health         = { ENV = "dev", SESSIONS_TABLE = "session-service-dev-sessions", VERSION = "1.2.3+0123456789ab" }

      authorize_connection = { USER_POOL_ID = "us-east-1_Own", USER_POOL_CLIENT_ID = "own-client" }
      connect_session = {
        ENV                          = "dev"
        SESSIONS_TABLE               = "session-service-dev-sessions"
        CONNECTIONS_TABLE            = "session-service-dev-connections"
        AUDIENCES_TABLE              = "session-service-dev-audiences"
        RATE_LIMITS_TABLE            = "session-service-dev-rate_limits"
        JOINS_PER_ADDRESS_PER_MINUTE = "5"
      }
      disconnect_session = { CONNECTIONS_TABLE = "session-service-dev-connections" }

      join_session = {
        SESSIONS_TABLE      = "session-service-dev-sessions"
        CONNECTIONS_TABLE   = "session-service-dev-connections"
        LIVE_CAPTIONS_TABLE = "session-service-dev-live_captions"
      }
      change_language = { CONNECTIONS_TABLE = "session-service-dev-connections" }
      publish_caption = {
        SESSIONS_TABLE                = "session-service-dev-sessions"
        LIVE_CAPTIONS_TABLE           = "session-service-dev-live_captions"
        CAPTION_CHARACTERS_PER_MINUTE = "1500"
      }
      send_audio = { SESSIONS_TABLE = "session-service-dev-sessions", AUDIO_STREAM = "session-service-dev-audio" }
      connection_admitted = {
        SESSIONS_TABLE      = "session-service-dev-sessions"
        CONNECTIONS_TABLE   = "session-service-dev-connections"
        LIVE_CAPTIONS_TABLE = "session-service-dev-live_captions"
        CAPTIONS_TABLE      = "session-service-dev-captions"
        WEBSOCKET_ENDPOINT  = "https://ws1.example.com/ws"
      }
      translate_captions = {
        ENV                = "dev"
        SESSIONS_TABLE     = "session-service-dev-sessions"
        CONNECTIONS_TABLE  = "session-service-dev-connections"
        CAPTIONS_TABLE     = "session-service-dev-captions"
        WEBSOCKET_ENDPOINT = "https://ws1.example.com/ws"
        MAX_LANGUAGES      = "7"
      }
      speak_captions = {
        ENV                = "dev"
        SESSIONS_TABLE     = "session-service-dev-sessions"
        CONNECTIONS_TABLE  = "session-service-dev-connections"
        VOICE_BUCKET       = "voice"
        WEBSOCKET_ENDPOINT = "https://ws1.example.com/ws"
      }
      list_captions = { SESSIONS_TABLE = "session-service-dev-sessions", CAPTIONS_TABLE = "session-service-dev-captions" }

      session_changed = {
        SESSIONS_TABLE     = "session-service-dev-sessions"
        CONNECTIONS_TABLE  = "session-service-dev-connections"
        WEBSOCKET_ENDPOINT = "https://ws1.example.com/ws"
      }
      connections_changed = {
        ENV                    = "dev"
        SESSIONS_TABLE         = "session-service-dev-sessions"
        CONNECTIONS_TABLE      = "session-service-dev-connections"
        AUDIENCES_TABLE        = "session-service-dev-audiences"
        WEBSOCKET_ENDPOINT     = "https://ws1.example.com/ws"
        SPEAKER_ABSENT_MINUTES = "90"
      }
      presence_changed = {
        SESSIONS_TABLE         = "session-service-dev-sessions"
        CONNECTIONS_TABLE      = "session-service-dev-connections"
        WEBSOCKET_ENDPOINT     = "https://ws1.example.com/ws"
        SPEAKER_ABSENT_MINUTES = "90"
      }

      sweep_sessions = {
        ENV                    = "dev"
        SESSIONS_TABLE         = "session-service-dev-sessions"
        CONNECTIONS_TABLE      = "session-service-dev-connections"
        WEBSOCKET_ENDPOINT     = "https://ws1.example.com/ws"
        SPEAKER_ABSENT_MINUTES = "90"
      }
    })
    error_message = "Each function has exactly these environment variables."
  }

  assert {
    condition     = [for name, function in module.function : name if contains(keys(function.environment), "ADDRESS_KEY")] == ["connect_session"]
    error_message = "Only connect_session has the address key."
  }

  assert {
    condition     = [for name, function in module.function : name if can(regex("CURSOR_KEY", join(" ", keys(function.environment))))] == ["list_sessions"]
    error_message = "Only list_sessions has cursor keys."
  }

  assert {
    condition = jsonencode({
      for name, function in module.function : name => {
        for statement in jsondecode(function.policy).Statement :
        statement.Resource => statement.Action if !can(regex("^(logs|xray):", statement.Action[0]))
      }
      }) == jsonencode({
      create_session = {
        "arn:sessions"         = ["dynamodb:PutItem", "dynamodb:GetItem"]
        "arn:idempotency_keys" = ["dynamodb:PutItem", "dynamodb:GetItem"]
        "arn:rate_limits"      = ["dynamodb:UpdateItem"]
      }
      list_sessions  = { "arn:sessions/index/bySpeaker" = ["dynamodb:Query"] }
      get_session    = { "arn:sessions" = ["dynamodb:GetItem"] }
      update_session = { "arn:sessions" = ["dynamodb:UpdateItem"] }
      delete_session = { "arn:sessions" = ["dynamodb:UpdateItem"] }
      health         = { "arn:sessions" = ["dynamodb:GetItem"] }

      authorize_connection = {}
      connect_session = {
        "arn:sessions"    = ["dynamodb:GetItem"]
        "arn:connections" = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"]
        "arn:audiences"   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        "arn:rate_limits" = ["dynamodb:UpdateItem"]
      }
      disconnect_session = { "arn:connections" = ["dynamodb:DeleteItem"] }

      join_session = {
        "arn:sessions"      = ["dynamodb:GetItem"]
        "arn:connections"   = ["dynamodb:GetItem"]
        "arn:live_captions" = ["dynamodb:GetItem"]
      }
      change_language = { "arn:connections" = ["dynamodb:UpdateItem"] }
      publish_caption = {
        "arn:sessions"      = ["dynamodb:GetItem"]
        "arn:live_captions" = ["dynamodb:UpdateItem", "dynamodb:GetItem"]
      }
      send_audio = { "arn:sessions" = ["dynamodb:GetItem"], "arn:audio" = ["kinesis:PutRecord"] }
      connection_admitted = {
        "arn:sessions"                                                          = ["dynamodb:GetItem"]
        "arn:live_captions"                                                     = ["dynamodb:GetItem"]
        "arn:captions"                                                          = ["dynamodb:Query"]
        "arn:connections"                                                       = ["dynamodb:GetItem", "dynamodb:DeleteItem"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/POST/@connections/*" = ["execute-api:ManageConnections"]
      }
      translate_captions = {
        "arn:sessions"                                                          = ["dynamodb:GetItem"]
        "arn:connections"                                                       = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
        "arn:captions"                                                          = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
        "*"                                                                     = ["translate:TranslateText"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/POST/@connections/*" = ["execute-api:ManageConnections"]
      }
      speak_captions = {
        "arn:sessions"                                                          = ["dynamodb:GetItem"]
        "arn:connections"                                                       = ["dynamodb:Query"]
        "arn:aws:s3:::voice/*"                                                  = ["s3:PutObject", "s3:GetObject"]
        "*"                                                                     = ["polly:SynthesizeSpeech"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/POST/@connections/*" = ["execute-api:ManageConnections"]
      }
      list_captions = { "arn:sessions" = ["dynamodb:GetItem"], "arn:captions" = ["dynamodb:Query"] }

      session_changed = {
        "arn:sessions"                                                            = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        "arn:connections"                                                         = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/POST/@connections/*"   = ["execute-api:ManageConnections"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/DELETE/@connections/*" = ["execute-api:ManageConnections"]
      }
      connections_changed = {
        "arn:sessions"                                                          = ["dynamodb:UpdateItem"]
        "arn:connections"                                                       = ["dynamodb:Query", "dynamodb:DeleteItem"]
        "arn:audiences"                                                         = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/POST/@connections/*" = ["execute-api:ManageConnections"]
      }
      presence_changed = {
        "arn:sessions"                                                          = ["dynamodb:UpdateItem"]
        "arn:connections"                                                       = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/POST/@connections/*" = ["execute-api:ManageConnections"]
      }

      sweep_sessions = {
        "arn:sessions"                                                            = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        "arn:sessions/index/byDueAt"                                              = ["dynamodb:Query"]
        "arn:connections"                                                         = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/POST/@connections/*"   = ["execute-api:ManageConnections"]
        "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/DELETE/@connections/*" = ["execute-api:ManageConnections"]
      }
    })
    error_message = "Each function has exactly these permissions."
  }

  assert {
    condition = { for name, function in module.function : name => function.timeout_seconds if function.timeout_seconds != 10 } == {
      session_changed = 60, connections_changed = 60, presence_changed = 60, connection_admitted = 60, translate_captions = 60
      speak_captions  = 60
      sweep_sessions  = 55
    }
    error_message = "The timeout is 10 s, 60 s for stream consumers, and less than a minute for what runs every minute."
  }

  assert {
    condition = { for name, function in module.function : name => function.memory_mb if function.memory_mb != 512 } == {
      session_changed     = 1769, connections_changed = 1769, presence_changed = 1769, sweep_sessions = 1769
      connection_admitted = 1769, translate_captions = 1769, speak_captions = 1769
    }
    error_message = "The memory is 512 MB, and that of a whole processor for functions that send messages to an audience."
  }

  assert {
    condition = alltrue([
      for name, function in module.function : function.handler == "functions.${name}.handler.handler"
    ])
    error_message = "The handler is functions.<name>.handler.handler."
  }

  assert {
    condition     = { for name, object in aws_s3_object.zip : name => object.key }["create_session"] == "create_session/c1.zip"
    error_message = "The key of a zip has the hash of its content."
  }

  assert {
    condition     = endswith(aws_s3_object.zip["health"].source, "/health.zip")
    error_message = "The file of a zip is the one in the manifest."
  }

  assert {
    condition     = output.function_names["get_session"] == "session-service-dev-get_session"
    error_message = "The name of a function in AWS has the service, the environment and its key."
  }
}

run "routes" {
  command = plan

  variables {
    throttles = {
      http_api = {
        default       = { requests_per_second = 50, burst = 100 }
        "GET /health" = { requests_per_second = 10, burst = 20 }
      }
      websocket_api = { default = { requests_per_second = 200, burst = 400 } }
    }
  }

  assert {
    condition = jsonencode({ for key, route in module.http_api.routes : key => [route.function_name, route.authorization_type] }) == jsonencode({
      "POST /sessions"               = ["session-service-dev-create_session", "JWT"]
      "GET /sessions"                = ["session-service-dev-list_sessions", "JWT"]
      "GET /sessions/{sessionId}"    = ["session-service-dev-get_session", "NONE"]
      "PATCH /sessions/{sessionId}"  = ["session-service-dev-update_session", "JWT"]
      "DELETE /sessions/{sessionId}" = ["session-service-dev-delete_session", "JWT"]
      "GET /health"                  = ["session-service-dev-health", "NONE"]

      "GET /sessions/{sessionId}/captions" = ["session-service-dev-list_captions", "NONE"]
    })
    error_message = "The HTTP API has exactly these routes. Creating, listing and changing sessions requires a token."
  }

  assert {
    condition = jsonencode({ for key, route in module.http_api.routes : key => [route.requests_per_second, route.burst] }) == jsonencode({
      "POST /sessions"               = [50, 100]
      "GET /sessions"                = [50, 100]
      "GET /sessions/{sessionId}"    = [50, 100]
      "PATCH /sessions/{sessionId}"  = [50, 100]
      "DELETE /sessions/{sessionId}" = [50, 100]
      "GET /health"                  = [10, 20]

      "GET /sessions/{sessionId}/captions" = [50, 100]
    })
    error_message = "A route has its own throttle, or the default."
  }

  assert {
    condition = jsonencode(module.http_api.jwt) == jsonencode({
      audience = ["own-client"]
      issuer   = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Own"
    })
    error_message = "Tokens of the service's own user pool and client are accepted."
  }
}

run "websocket_routes" {
  command = plan

  variables {
    throttles = {
      http_api = { default = { requests_per_second = 50, burst = 100 } }
      websocket_api = {
        default          = { requests_per_second = 200, burst = 400 }
        "$connect"       = { requests_per_second = 100, burst = 150 }
        "publishCaption" = { requests_per_second = 40, burst = 80 }
        "audioChunk"     = { requests_per_second = 90, burst = 180 }
      }
    }
  }

  assert {
    condition = jsonencode({
      for key, route in module.websocket_api.routes : key => [route.function_name, route.answered, route.authorization_type] if route.reply == null
      }) == jsonencode({
      "$connect"       = ["session-service-dev-connect_session", false, "CUSTOM"]
      "$disconnect"    = ["session-service-dev-disconnect_session", false, "NONE"]
      "joinSession"    = ["session-service-dev-join_session", true, "NONE"]
      "changeLanguage" = ["session-service-dev-change_language", true, "NONE"]
      "publishCaption" = ["session-service-dev-publish_caption", true, "NONE"]
      "audioChunk"     = ["session-service-dev-send_audio", true, "NONE"]
    })
    error_message = "The WebSocket API has exactly these routes to functions, and the response to a message is sent to the client."
  }

  assert {
    condition = jsonencode({ for key, route in module.websocket_api.routes : key => [route.reply, route.answered, route.authorization_type] if route.reply != null }) == jsonencode({
      "heartbeat" = ["{\"timestamp\":$context.requestTimeEpoch,\"type\":\"heartbeatAck\"}", true, "NONE"]
      "$default"  = ["{\"code\":\"UNKNOWN_ACTION\",\"message\":\"Unknown action\",\"timestamp\":$context.requestTimeEpoch,\"type\":\"error\"}", true, "NONE"]
    })
    error_message = "API Gateway answers these routes itself, with the time of the message."
  }

  assert {
    condition     = module.websocket_api.authorizer_function_name == "session-service-dev-authorize_connection"
    error_message = "authorize_connection is the authorizer."
  }

  assert {
    condition = jsonencode({ for key, route in module.websocket_api.routes : key => [route.requests_per_second, route.burst] }) == jsonencode({
      "$connect"       = [100, 150]
      "$disconnect"    = [200, 400]
      "joinSession"    = [200, 400]
      "changeLanguage" = [200, 400]
      "publishCaption" = [40, 80]
      "audioChunk"     = [90, 180]
      "heartbeat"      = [200, 400]
      "$default"       = [200, 400]
    })
    error_message = "A route has its own throttle, or the default."
  }

  assert {
    condition     = output.websocket_url == "wss://ws1.example.com/ws"
    error_message = "The output is the URL of the stage."
  }
}

run "streams" {
  command = plan

  assert {
    condition = jsonencode({ for name, consumer in module.stream_consumer : name => consumer.mapping }) == jsonencode({
      session_changed = {
        stream_arn              = "arn:sessions-stream"
        function_arn            = "arn:session_changed:live"
        parallelization_factor  = 10
        batch_size              = 10
        batching_window_seconds = 0
        filters                 = ["{\"eventName\":[\"MODIFY\",\"REMOVE\"]}"]
      }
      connections_changed = {
        stream_arn              = "arn:connections-stream"
        function_arn            = "arn:connections_changed:live"
        parallelization_factor  = 1
        batch_size              = 1000
        batching_window_seconds = 1
        filters                 = ["{\"eventName\":[\"MODIFY\",\"REMOVE\"]}"]
      }
      presence_changed = {
        stream_arn              = "arn:sessions-stream"
        function_arn            = "arn:presence_changed:live"
        parallelization_factor  = 1
        batch_size              = 1000
        batching_window_seconds = 0
        filters                 = ["{\"dynamodb\":{\"NewImage\":{\"speakerAbsentSince\":{\"N\":[{\"exists\":true}]}}},\"eventName\":[\"MODIFY\"]}"]
      }
      connection_admitted = {
        stream_arn              = "arn:connections-stream"
        function_arn            = "arn:connection_admitted:live"
        parallelization_factor  = 10
        batch_size              = 100
        batching_window_seconds = 0
        filters                 = ["{\"dynamodb\":{\"NewImage\":{\"admittedAt\":{\"N\":[{\"exists\":true}]}}},\"eventName\":[\"MODIFY\"]}"]
      }
      translate_captions = {
        stream_arn              = "arn:live_captions-stream"
        function_arn            = "arn:translate_captions:live"
        parallelization_factor  = 10
        batch_size              = 10
        batching_window_seconds = 0
        filters                 = ["{\"eventName\":[\"INSERT\",\"MODIFY\"]}"]
      }
      speak_captions = {
        stream_arn              = "arn:captions-stream"
        function_arn            = "arn:speak_captions:live"
        parallelization_factor  = 1
        batch_size              = 10
        batching_window_seconds = 0
        filters                 = ["{\"dynamodb\":{\"NewImage\":{\"voice\":{\"BOOL\":[{\"exists\":true}]}}},\"eventName\":[\"MODIFY\"]}"]
      }
    })
    error_message = "Each consumer reads its stream with these lanes, batches, windows and filters."
  }

  assert {
    condition = jsonencode({
      for name, consumer in module.stream_consumer : name => [for statement in jsondecode(consumer.policy).Statement : statement.Resource]
      }) == jsonencode({
      session_changed     = ["arn:sessions-stream", ["arn:aws:s3:::failed-records", "arn:aws:s3:::failed-records/*"]]
      connections_changed = ["arn:connections-stream", ["arn:aws:s3:::failed-records", "arn:aws:s3:::failed-records/*"]]
      presence_changed    = ["arn:sessions-stream", ["arn:aws:s3:::failed-records", "arn:aws:s3:::failed-records/*"]]
      connection_admitted = ["arn:connections-stream", ["arn:aws:s3:::failed-records", "arn:aws:s3:::failed-records/*"]]
      translate_captions  = ["arn:live_captions-stream", ["arn:aws:s3:::failed-captions", "arn:aws:s3:::failed-captions/*"]]
      speak_captions      = ["arn:captions-stream", ["arn:aws:s3:::failed-captions", "arn:aws:s3:::failed-captions/*"]]
    })
    error_message = "A consumer may read its own stream and write to the bucket of failed records, one of captions to that of failed captions."
  }

  assert {
    condition = alltrue([
      for table in distinct([for name, stream in local.streams : stream.table]) :
      length([for stream in values(local.streams) : stream if stream.table == table]) <= 2
    ])
    error_message = "A stream has at most two readers: a third would be throttled."
  }
}

run "schedules" {
  command = plan

  assert {
    condition = jsonencode({ for name, schedule in module.schedule : name => schedule.schedule }) == jsonencode({
      sweep_sessions = {
        expression   = "rate(1 minute)"
        function_arn = "arn:aws:lambda:us-east-1:123456789012:function:sweep_sessions:live"
        input        = "{\"time\":\"<aws.scheduler.scheduled-time>\"}"
      }
    })
    error_message = "The sweep is invoked every minute, with the time that it is for."
  }
}

run "tables" {
  command = plan

  assert {
    condition = jsonencode({ for name, table in module.table : name => table.shape }) == jsonencode({
      sessions = {
        hash_key         = "sessionId"
        range_key        = null
        ttl_attribute    = "deleteAt"
        stream_view_type = "NEW_AND_OLD_IMAGES"
        indexes = {
          byDueAt   = ["duePartition", "dueAt", "KEYS_ONLY"]
          bySpeaker = ["speakerId", "createdAt", "ALL"]
          byStatus  = ["status", "expiresAt", "INCLUDE"]
        }
      }
      connections      = { hash_key = "sessionId", range_key = "connectionId", ttl_attribute = "deleteAt", stream_view_type = "NEW_AND_OLD_IMAGES", indexes = {} }
      audiences        = { hash_key = "sessionId", range_key = "sessionCreatedAt", ttl_attribute = "deleteAt", stream_view_type = null, indexes = {} }
      idempotency_keys = { hash_key = "keyDigest", range_key = null, ttl_attribute = "expiresAt", stream_view_type = null, indexes = {} }
      rate_limits      = { hash_key = "limitKey", range_key = null, ttl_attribute = "expiresAt", stream_view_type = null, indexes = {} }
      live_captions    = { hash_key = "sessionId", range_key = "sessionCreatedAt", ttl_attribute = "deleteAt", stream_view_type = "NEW_AND_OLD_IMAGES", indexes = {} }
      captions         = { hash_key = "sessionKey", range_key = "sequence", ttl_attribute = "deleteAt", stream_view_type = "NEW_AND_OLD_IMAGES", indexes = {} }
    })
    error_message = "The tables have these keys, TTL attributes, streams and indexes."
  }
}

run "audio" {
  command = plan

  assert {
    condition     = output.audio_stream == "session-service-dev-audio" && output.audio_stream_arn == "arn:audio"
    error_message = "The outputs name the stream for those who recognize speech."
  }
}

run "without_audio" {
  command = plan

  variables {
    audio_stream = false
    throttles = {
      http_api = { default = { requests_per_second = 50, burst = 100 } }
      websocket_api = {
        default    = { requests_per_second = 200, burst = 400 }
        audioChunk = { requests_per_second = 90, burst = 180 }
      }
    }
  }

  assert {
    condition     = length(module.audio_stream) == 0 && output.audio_stream == null && output.audio_stream_arn == null
    error_message = "Without audio_stream there is no stream."
  }

  assert {
    condition     = !contains(keys(module.function), "send_audio") && !contains(keys(aws_s3_object.zip), "send_audio")
    error_message = "Without audio_stream there is no function for it."
  }

  assert {
    condition     = !contains(keys(module.websocket_api.routes), "audioChunk")
    error_message = "Without audio_stream audioChunk is an unknown action, although its limit is set."
  }
}

run "what_people_said_is_not_kept" {
  command = plan

  variables {
    environment            = "prod"
    cors_allow_origins     = ["https://live.example.com"]
    point_in_time_recovery = true
  }

  assert {
    condition     = [for name, table in module.table : name if !table.point_in_time_recovery] == ["captions", "live_captions"]
    error_message = "The tables of captions have no backups, also where the others have them."
  }

  assert {
    condition     = module.failed_captions.expiration_days == 1 && !module.failed_captions.versioned
    error_message = "Captions that failed are deleted after a day, and leave no old versions."
  }

  assert {
    condition     = module.voice.expiration_days == 1 && !module.voice.versioned
    error_message = "Voices are deleted after a day, and leave no old versions."
  }

  assert {
    condition     = module.failed_records.expiration_days == 14 && module.failed_records.versioned
    error_message = "Other failed records, which hold nothing that was said, are kept longer."
  }
}
