# Tests of every environments/*.tfvars. Run them with -test-directory=tests/environments -var-file=environments/<name>.tfvars.

mock_provider "aws" {
  override_during = plan
  source          = "./tests/mocks"
}

run "values" {
  command = plan

  variables {
    dist_dir = "tests/fixtures"
  }

  assert {
    condition     = contains(["dev", "local"], var.environment) || (var.deletion_protection && var.point_in_time_recovery)
    error_message = "staging and prod have deletion protection and backups."
  }

  assert {
    condition     = contains(["dev", "local"], var.environment) || alltrue([for origin in var.cors_allow_origins : startswith(origin, "https://")])
    error_message = "Outside dev and local every origin uses https."
  }

  assert {
    condition = alltrue([
      for route, name in local.http_routes :
      lookup(var.throttles.http_api, route, var.throttles.http_api.default).requests_per_second >= 100 if local.functions[name].signed_in
    ])
    error_message = "It takes at least 100 invalid tokens per second to refuse a speaker's requests."
  }

  assert {
    condition     = var.throttles.http_api["GET /health"].requests_per_second >= 50 && var.throttles.http_api["GET /health"].requests_per_second <= 200
    error_message = "A few anonymous requests do not blind the health check, and many cost little."
  }

  assert {
    condition     = length(setsubtract(local.known_websocket_routes, concat(["$default"], keys(var.throttles.websocket_api)))) == 0
    error_message = "Each event and message has a limit of its own: the default is for messages that nobody needs."
  }

  assert {
    condition     = lookup(var.throttles.websocket_api, "$default", var.throttles.websocket_api.default).requests_per_second <= 10
    error_message = "A flood of unknown messages costs little."
  }

  assert {
    condition     = var.throttles.websocket_api["$connect"].requests_per_second <= var.throttles.websocket_api["$disconnect"].requests_per_second
    error_message = "Handshakes are throttled at most as high as disconnects: every open connection can disconnect."
  }

  # API Gateway applies the limit of a route before that of the account, so floods of all routes leave the rest of it to messages
  # that functions post: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
  assert {
    condition = sum(concat(
      [for route in keys(local.http_routes) : lookup(var.throttles.http_api, route, var.throttles.http_api.default).requests_per_second],
      [
        for route in local.known_websocket_routes :
        lookup(var.throttles.websocket_api, route, var.throttles.websocket_api.default).requests_per_second
      ],
    )) <= 7000
    error_message = "All routes together leave 3,000 of the account's 10,000 requests per second to posted messages."
  }

  assert {
    condition     = alltrue(flatten([for api in var.throttles : [for throttle in api : throttle.burst >= throttle.requests_per_second && throttle.burst <= 5000]]))
    error_message = "A burst lasts at least a second and fits into the burst of the account."
  }

  assert {
    condition     = var.joins_per_address_per_minute == (var.environment == "local" ? 0 : 600)
    error_message = "A hall of 500 behind one address joins within a minute."
  }

  assert {
    condition     = var.environment != "prod" || var.throttles.websocket_api["publishCaption"].requests_per_second >= 500
    error_message = "In prod 1,000 sessions can publish a caption every 3 s while a flood takes half as much."
  }

  assert {
    condition = (
      var.throttles.websocket_api["changeLanguage"].requests_per_second <= 100 &&
      var.throttles.websocket_api["joinSession"].requests_per_second <= var.throttles.websocket_api["$connect"].requests_per_second
    )
    error_message = "A change of language invokes two functions and writes a row, so a flood of it is expensive; joinSession is needed at most once for each handshake."
  }

  assert {
    condition     = var.environment == "local" || min(var.sessions_per_speaker_per_hour, var.joins_per_address_per_minute, var.caption_characters_per_minute) > 0
    error_message = "Outside local there are rate limits."
  }

  assert {
    condition     = var.audio_stream == (var.environment == "dev")
    error_message = "Only dev has an audio stream until others want one."
  }

  assert {
    condition     = var.throttles.websocket_api["audioChunk"].requests_per_second >= 4 * 25
    error_message = "25 speakers can send four chunks a second each."
  }

  assert {
    condition     = var.speaker_absent_minutes == (var.environment == "prod" ? 120 : 0)
    error_message = "In prod a session ends when its speaker has been absent for two hours."
  }
}
