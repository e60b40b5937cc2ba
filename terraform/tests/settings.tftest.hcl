# The variables of the root: their effects, and the values that are rejected.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

variables {
  environment            = "prod"
  aws_region             = "us-east-1"
  allowed_account_ids    = ["123456789012"]
  dist_dir               = "tests/fixtures"
  cors_allow_origins     = ["https://live.example.com"]
  log_retention_days     = 365
  deletion_protection    = true
  point_in_time_recovery = true

  throttles = {
    http_api      = { default = { requests_per_second = 50, burst = 100 } }
    websocket_api = { default = { requests_per_second = 200, burst = 400 } }
  }

  max_listeners                 = 500
  sessions_per_speaker_per_hour = 50
  joins_per_address_per_minute  = 10
  failed_record_retention_days  = 14
}

run "a_new_user_pool_by_default" {
  command = plan

  assert {
    condition     = output.user_pool_id == "us-east-1_Own" && output.user_pool_client_id == "own-client"
    error_message = "Without an existing pool the outputs are those of the new one."
  }

  assert {
    condition     = length(module.identity) == 1
    error_message = "Without an existing pool one is created."
  }
}

run "an_existing_user_pool" {
  command = plan

  variables {
    user_pool_id        = "eu-west-1_Theirs"
    user_pool_client_id = "their-client"
  }

  assert {
    condition     = output.user_pool_id == "eu-west-1_Theirs" && output.user_pool_client_id == "their-client"
    error_message = "The existing pool and client are used."
  }

  assert {
    condition     = length(module.identity) == 0
    error_message = "No pool is created beside an existing one."
  }

  assert {
    condition     = module.http_api.jwt.issuer == "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Theirs"
    error_message = "The issuer has the region of the pool."
  }
}

run "cors" {
  command = plan

  assert {
    condition = jsonencode(module.http_api.cors) == jsonencode({
      allow_credentials = null
      allow_headers     = ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "traceparent"]
      allow_methods     = ["DELETE", "GET", "PATCH", "POST"]
      allow_origins     = ["https://live.example.com"]
      expose_headers    = ["apigw-requestid", "etag", "location", "retry-after"]
      max_age           = 3600
    })
    error_message = "A web client of a given origin can send and read all headers of the API."
  }
}

run "table_names" {
  command = plan

  assert {
    condition     = output.sessions_table == "session-service-prod-sessions" && output.connections_table == "session-service-prod-connections"
    error_message = "The name of a table has the service, the environment and its key."
  }
}

run "a_pool_without_its_client_is_rejected" {
  command         = plan
  expect_failures = [var.user_pool_id]

  variables {
    user_pool_id = "us-east-1_Theirs"
  }
}

run "a_client_without_its_pool_is_rejected" {
  command         = plan
  expect_failures = [var.user_pool_id]

  variables {
    user_pool_client_id = "their-client"
  }
}

run "a_malformed_pool_id_is_rejected" {
  command         = plan
  expect_failures = [var.user_pool_id]

  variables {
    user_pool_id        = "speakers"
    user_pool_client_id = "their-client"
  }
}

run "any_origin_is_rejected_in_prod" {
  command         = plan
  expect_failures = [var.cors_allow_origins]

  variables {
    cors_allow_origins = ["https://live.example.com", "*"]
  }
}

run "any_origin_is_rejected_in_staging" {
  command         = plan
  expect_failures = [var.cors_allow_origins]

  variables {
    environment        = "staging"
    cors_allow_origins = ["*"]
  }
}

run "any_origin_is_allowed_in_dev" {
  command = plan

  variables {
    environment        = "dev"
    cors_allow_origins = ["*"]
  }
}

run "an_origin_with_a_wildcard_is_rejected" {
  command         = plan
  expect_failures = [var.cors_allow_origins]

  variables {
    cors_allow_origins = ["https://*.example.com"]
  }
}

run "an_origin_with_a_path_is_rejected" {
  command         = plan
  expect_failures = [var.cors_allow_origins]

  variables {
    cors_allow_origins = ["https://live.example.com/"]
  }
}

run "an_unknown_environment_is_rejected" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = "production"
  }
}

run "an_unknown_region_is_rejected" {
  command         = plan
  expect_failures = [var.aws_region]

  variables {
    aws_region = "Ireland"
  }
}

run "a_malformed_account_is_rejected" {
  command         = plan
  expect_failures = [var.allowed_account_ids]

  variables {
    allowed_account_ids = ["1234"]
  }
}

run "a_wrong_number_of_digits_is_rejected" {
  command         = plan
  expect_failures = [var.session_id_digits]

  variables {
    session_id_digits = 4
  }
}

run "logs_that_never_expire_are_rejected" {
  command         = plan
  expect_failures = [var.log_retention_days]

  variables {
    log_retention_days = 0
  }
}

run "failed_records_kept_for_0_days_are_rejected" {
  command         = plan
  expect_failures = [var.failed_record_retention_days]

  variables {
    failed_record_retention_days = 0
  }
}

run "an_http_throttle_of_zero_is_rejected" {
  command         = plan
  expect_failures = [var.throttles]

  variables {
    throttles = {
      http_api      = { default = { requests_per_second = 0, burst = 0 } }
      websocket_api = { default = { requests_per_second = 200, burst = 400 } }
    }
  }
}

run "an_http_throttle_for_an_unknown_route_is_rejected" {
  command         = plan
  expect_failures = [var.throttles]

  variables {
    throttles = {
      http_api      = { default = { requests_per_second = 50, burst = 100 }, "GET /session" = { requests_per_second = 1, burst = 1 } }
      websocket_api = { default = { requests_per_second = 200, burst = 400 } }
    }
  }
}

run "a_websocket_throttle_of_zero_is_rejected" {
  command         = plan
  expect_failures = [var.throttles]

  variables {
    throttles = {
      http_api      = { default = { requests_per_second = 50, burst = 100 } }
      websocket_api = { default = { requests_per_second = 200, burst = 400 }, "$connect" = { requests_per_second = 0, burst = 0 } }
    }
  }
}

run "a_websocket_throttle_for_an_unknown_route_is_rejected" {
  command         = plan
  expect_failures = [var.throttles]

  variables {
    throttles = {
      http_api      = { default = { requests_per_second = 50, burst = 100 } }
      websocket_api = { default = { requests_per_second = 200, burst = 400 }, "heartbeats" = { requests_per_second = 1, burst = 1 } }
    }
  }
}

run "throttles_without_a_default_are_rejected" {
  command         = plan
  expect_failures = [var.throttles]

  variables {
    throttles = {
      http_api      = { "GET /health" = { requests_per_second = 10, burst = 20 } }
      websocket_api = { default = { requests_per_second = 200, burst = 400 } }
    }
  }
}

run "throttles_without_an_api_are_rejected" {
  command         = plan
  expect_failures = [var.throttles]

  variables {
    throttles = {
      http_api = { default = { requests_per_second = 50, burst = 100 } }
    }
  }
}

run "the_rate_limits_can_be_turned_off" {
  command = plan

  variables {
    sessions_per_speaker_per_hour = 0
    joins_per_address_per_minute  = 0
    caption_characters_per_minute = 0
  }

  assert {
    condition = (
      module.function["create_session"].environment["SESSIONS_PER_SPEAKER_PER_HOUR"] == "0" &&
      module.function["connect_session"].environment["JOINS_PER_ADDRESS_PER_MINUTE"] == "0" &&
      module.function["publish_caption"].environment["CAPTION_CHARACTERS_PER_MINUTE"] == "0"
    )
    error_message = "The functions receive 0, which means no limit."
  }
}

run "an_absent_speaker_ends_no_session_by_default" {
  command = plan

  assert {
    condition     = module.function["sweep_sessions"].environment["SPEAKER_ABSENT_MINUTES"] == "0"
    error_message = "The functions receive 0, which means never."
  }
}

run "captions_without_a_setting" {
  command = plan

  assert {
    condition = (
      module.function["publish_caption"].environment["CAPTION_CHARACTERS_PER_MINUTE"] == "2000" &&
      module.function["translate_captions"].environment["MAX_LANGUAGES"] == "19"
    )
    error_message = "By default a session publishes 2,000 characters a minute, in every language."
  }
}

run "translation_can_be_turned_off" {
  command = plan

  variables {
    max_languages = 0
  }

  assert {
    condition     = module.function["translate_captions"].environment["MAX_LANGUAGES"] == "0"
    error_message = "The function receives 0, which means no translation."
  }
}

run "more_languages_than_there_are_are_rejected" {
  command         = plan
  expect_failures = [var.max_languages]

  variables {
    max_languages = 20
  }
}

run "speech_that_does_not_expire_is_rejected" {
  command         = plan
  expect_failures = [var.speech_expires]

  variables {
    speech_expires = false
  }
}

run "speech_may_stay_where_nothing_outlives_a_run" {
  command = plan

  variables {
    environment    = "local"
    speech_expires = false
  }

  assert {
    condition     = module.failed_captions.expiration_days == null && module.voice.expiration_days == null
    error_message = "In local the buckets have no expiration rule."
  }
}

run "limits_below_the_minimum_are_rejected" {
  command = plan
  expect_failures = [
    var.max_listeners, var.speaker_absent_minutes, var.sessions_per_speaker_per_hour, var.joins_per_address_per_minute,
    var.caption_characters_per_minute, var.max_languages,
  ]

  variables {
    max_listeners                 = 0
    speaker_absent_minutes        = -1
    sessions_per_speaker_per_hour = -1
    joins_per_address_per_minute  = -1
    caption_characters_per_minute = 999
    max_languages                 = -1
  }
}

run "fractions_are_rejected" {
  command = plan
  expect_failures = [
    var.max_listeners, var.speaker_absent_minutes, var.sessions_per_speaker_per_hour, var.joins_per_address_per_minute,
    var.caption_characters_per_minute, var.max_languages,
  ]

  variables {
    max_listeners                 = 1.5
    speaker_absent_minutes        = 0.5
    sessions_per_speaker_per_hour = 0.5
    joins_per_address_per_minute  = 0.5
    caption_characters_per_minute = 1000.5
    max_languages                 = 0.5
  }
}

run "a_missing_manifest_is_rejected" {
  command         = plan
  expect_failures = [var.dist_dir]

  variables {
    dist_dir = "tests/mocks"
  }
}
