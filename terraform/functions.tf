# The functions and what each may do. The key is the function's folder, its zip and the end of its log group's name.
#
# route               route key of the HTTP API; `signed_in` says whether it needs a valid token
# websocket_route     route key of the WebSocket API. Its response to a message, which any route but $connect and $disconnect
#                     gets, is sent to the client
# authorizes          route key of the WebSocket API whose Lambda authorizer this is
# stream              table whose stream invokes it, the event names that it gets, its batch size, and where they differ from the
#                     defaults: `new_image`, attributes that the row must have now, with their types; `parallelization_factor`,
#                     batches of one shard at once (1); `batching_window_seconds`, how long a record waits for its batch (0)
# schedule            when EventBridge Scheduler invokes it
# dynamodb_actions    its IAM actions by table or index
# bucket_actions      its IAM actions by bucket, on all objects of it
# other_actions       its IAM actions that act on no resource
# manages_connections methods that it may call on open WebSockets: POST sends a message, DELETE closes the connection
# audio_actions       its IAM actions on the audio stream
# environment         its settings, which its handler reads
# enabled             whether the environment has it, if not always
# timeout_seconds     its timeout, if it is not the default
# memory_mb           its memory, if it is not the default
locals {
  # One processor: messages to a whole audience take CPU time. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
  one_processor_mb = 1769

  functions = { for name, function in local.declared_functions : name => function if lookup(function, "enabled", true) }

  declared_functions = {
    create_session = {
      route     = "POST /sessions"
      signed_in = true
      dynamodb_actions = {
        # A transaction needs the actions of its items and none of its own.
        sessions         = ["dynamodb:PutItem", "dynamodb:GetItem"]
        idempotency_keys = ["dynamodb:PutItem", "dynamodb:GetItem"]
        rate_limits      = ["dynamodb:UpdateItem"]
      }
      environment = {
        ENV                           = var.environment
        SESSIONS_TABLE                = module.table["sessions"].name
        IDEMPOTENCY_KEYS_TABLE        = module.table["idempotency_keys"].name
        SESSION_ID_DIGITS             = tostring(var.session_id_digits)
        MAX_LISTENERS                 = tostring(var.max_listeners)
        RATE_LIMITS_TABLE             = module.table["rate_limits"].name
        SESSIONS_PER_SPEAKER_PER_HOUR = tostring(var.sessions_per_speaker_per_hour)
      }
    }

    list_sessions = {
      route            = "GET /sessions"
      signed_in        = true
      dynamodb_actions = { "sessions/index/bySpeaker" = ["dynamodb:Query"] }
      environment = {
        SESSIONS_TABLE      = module.table["sessions"].name
        CURSOR_KEY          = local.secrets.cursor_key
        CURSOR_KEY_PREVIOUS = local.secrets.cursor_key_previous
        CURSOR_KEY_NEXT     = local.secrets.cursor_key_next
      }
    }

    get_session = {
      route            = "GET /sessions/{sessionId}"
      signed_in        = false
      dynamodb_actions = { sessions = ["dynamodb:GetItem"] }
      environment = {
        SESSIONS_TABLE = module.table["sessions"].name
      }
    }

    update_session = {
      route            = "PATCH /sessions/{sessionId}"
      signed_in        = true
      dynamodb_actions = { sessions = ["dynamodb:UpdateItem"] }
      environment = {
        ENV            = var.environment
        SESSIONS_TABLE = module.table["sessions"].name
      }
    }

    delete_session = {
      route            = "DELETE /sessions/{sessionId}"
      signed_in        = true
      dynamodb_actions = { sessions = ["dynamodb:UpdateItem"] }
      environment = {
        ENV            = var.environment
        SESSIONS_TABLE = module.table["sessions"].name
      }
    }

    list_captions = {
      route     = "GET /sessions/{sessionId}/captions"
      signed_in = false
      dynamodb_actions = {
        sessions = ["dynamodb:GetItem"]
        captions = ["dynamodb:Query"]
      }
      environment = {
        SESSIONS_TABLE = module.table["sessions"].name
        CAPTIONS_TABLE = module.table["captions"].name
      }
    }

    health = {
      route            = "GET /health"
      signed_in        = false
      dynamodb_actions = { sessions = ["dynamodb:GetItem"] }
      environment = {
        ENV            = var.environment
        SESSIONS_TABLE = module.table["sessions"].name
        VERSION        = local.manifest.version
      }
    }

    authorize_connection = {
      authorizes       = "$connect"
      dynamodb_actions = {}
      environment = {
        USER_POOL_ID        = local.user_pool_id
        USER_POOL_CLIENT_ID = local.user_pool_client_id
      }
    }

    connect_session = {
      websocket_route = "$connect"
      dynamodb_actions = {
        sessions    = ["dynamodb:GetItem"]
        connections = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"]
        audiences   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        rate_limits = ["dynamodb:UpdateItem"]
      }
      environment = {
        ENV                          = var.environment
        SESSIONS_TABLE               = module.table["sessions"].name
        CONNECTIONS_TABLE            = module.table["connections"].name
        AUDIENCES_TABLE              = module.table["audiences"].name
        RATE_LIMITS_TABLE            = module.table["rate_limits"].name
        JOINS_PER_ADDRESS_PER_MINUTE = tostring(var.joins_per_address_per_minute)
        ADDRESS_KEY                  = local.secrets.address_key
      }
    }

    disconnect_session = {
      websocket_route  = "$disconnect"
      dynamodb_actions = { connections = ["dynamodb:DeleteItem"] }
      environment = {
        CONNECTIONS_TABLE = module.table["connections"].name
      }
    }

    join_session = {
      websocket_route = "joinSession"
      dynamodb_actions = {
        sessions      = ["dynamodb:GetItem"]
        connections   = ["dynamodb:GetItem"]
        live_captions = ["dynamodb:GetItem"]
      }
      environment = {
        SESSIONS_TABLE      = module.table["sessions"].name
        CONNECTIONS_TABLE   = module.table["connections"].name
        LIVE_CAPTIONS_TABLE = module.table["live_captions"].name
      }
    }

    change_language = {
      websocket_route  = "changeLanguage"
      dynamodb_actions = { connections = ["dynamodb:UpdateItem"] }
      environment = {
        CONNECTIONS_TABLE = module.table["connections"].name
      }
    }

    publish_caption = {
      websocket_route = "publishCaption"
      dynamodb_actions = {
        sessions      = ["dynamodb:GetItem"]
        live_captions = ["dynamodb:UpdateItem", "dynamodb:GetItem"]
      }
      environment = {
        SESSIONS_TABLE                = module.table["sessions"].name
        LIVE_CAPTIONS_TABLE           = module.table["live_captions"].name
        CAPTION_CHARACTERS_PER_MINUTE = tostring(var.caption_characters_per_minute)
      }
    }

    send_audio = {
      enabled          = var.audio_stream
      websocket_route  = "audioChunk"
      dynamodb_actions = { sessions = ["dynamodb:GetItem"] }
      audio_actions    = ["kinesis:PutRecord"]
      environment = {
        SESSIONS_TABLE = module.table["sessions"].name
        AUDIO_STREAM   = one(module.audio_stream[*].name)
      }
    }

    session_changed = {
      # Small batches, because one record may mean closing every connection of a session. Ten at once, because a session is one
      # item, whose changes stay in order.
      stream          = { table = "sessions", events = ["MODIFY", "REMOVE"], batch_size = 10, parallelization_factor = 10 }
      timeout_seconds = 60
      memory_mb       = local.one_processor_mb
      dynamodb_actions = {
        sessions    = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        connections = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
      }
      manages_connections = ["POST", "DELETE"]
      environment = {
        SESSIONS_TABLE     = module.table["sessions"].name
        CONNECTIONS_TABLE  = module.table["connections"].name
        WEBSOCKET_ENDPOINT = module.websocket_api.endpoint
      }
    }

    connections_changed = {
      # Large batches, because one count serves all changes of a session, and one at a time: the connections of a session are
      # many items, so two batches would count it at once. INSERT is left out: an inserted row still waits for its admission.
      stream          = { table = "connections", events = ["MODIFY", "REMOVE"], batch_size = 1000, batching_window_seconds = 1 }
      timeout_seconds = 60
      memory_mb       = local.one_processor_mb
      dynamodb_actions = {
        sessions    = ["dynamodb:UpdateItem"]
        connections = ["dynamodb:Query", "dynamodb:DeleteItem"]
        audiences   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
      }
      manages_connections = ["POST"]
      environment = {
        ENV                    = var.environment
        SESSIONS_TABLE         = module.table["sessions"].name
        CONNECTIONS_TABLE      = module.table["connections"].name
        AUDIENCES_TABLE        = module.table["audiences"].name
        WEBSOCKET_ENDPOINT     = module.websocket_api.endpoint
        SPEAKER_ABSENT_MINUTES = tostring(var.speaker_absent_minutes)
      }
    }

    connection_admitted = {
      # The second reader of this stream. Ten batches at once and no window, because a client waits for its first message, and a
      # connection is one item, whose changes stay in order.
      stream = {
        table                  = "connections"
        events                 = ["MODIFY"]
        new_image              = { admittedAt = "N" }
        batch_size             = 100
        parallelization_factor = 10
      }
      timeout_seconds = 60
      memory_mb       = local.one_processor_mb
      dynamodb_actions = {
        sessions      = ["dynamodb:GetItem"]
        live_captions = ["dynamodb:GetItem"]
        captions      = ["dynamodb:Query"]
        connections   = ["dynamodb:GetItem", "dynamodb:DeleteItem"]
      }
      manages_connections = ["POST"]
      environment = {
        SESSIONS_TABLE      = module.table["sessions"].name
        CONNECTIONS_TABLE   = module.table["connections"].name
        LIVE_CAPTIONS_TABLE = module.table["live_captions"].name
        CAPTIONS_TABLE      = module.table["captions"].name
        WEBSOCKET_ENDPOINT  = module.websocket_api.endpoint
      }
    }

    presence_changed = {
      # One batch at a time, because it waits until the absence has lasted. It is the second reader of this stream, and a shard
      # serves two: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
      stream          = { table = "sessions", events = ["MODIFY"], batch_size = 1000, new_image = { speakerAbsentSince = "N" } }
      timeout_seconds = 60
      memory_mb       = local.one_processor_mb
      dynamodb_actions = {
        sessions    = ["dynamodb:UpdateItem"]
        connections = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
      }
      manages_connections = ["POST"]
      environment = {
        SESSIONS_TABLE         = module.table["sessions"].name
        CONNECTIONS_TABLE      = module.table["connections"].name
        WEBSOCKET_ENDPOINT     = module.websocket_api.endpoint
        SPEAKER_ABSENT_MINUTES = tostring(var.speaker_absent_minutes)
      }
    }

    translate_captions = {
      # Ten batches at once, because a session is one item, whose captions stay in order. Small batches, because each caption may be
      # a message to a whole audience.
      stream          = { table = "live_captions", events = ["INSERT", "MODIFY"], batch_size = 10, parallelization_factor = 10 }
      timeout_seconds = 60
      memory_mb       = local.one_processor_mb
      dynamodb_actions = {
        sessions    = ["dynamodb:GetItem"]
        connections = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
        captions    = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
      }
      other_actions       = ["translate:TranslateText"]
      manages_connections = ["POST"]
      environment = {
        ENV                = var.environment
        SESSIONS_TABLE     = module.table["sessions"].name
        CONNECTIONS_TABLE  = module.table["connections"].name
        CAPTIONS_TABLE     = module.table["captions"].name
        WEBSOCKET_ENDPOINT = module.websocket_api.endpoint
        MAX_LANGUAGES      = tostring(var.max_languages)
      }
    }

    speak_captions = {
      # One batch of a shard at a time and two calls of Amazon Polly, because an account has few (docs/runbook.md). Only the last write
      # of a caption of a premium session has `voice`. The captions of a session stay in order.
      stream          = { table = "captions", events = ["MODIFY"], batch_size = 10, new_image = { voice = "BOOL" } }
      timeout_seconds = 60
      memory_mb       = local.one_processor_mb
      dynamodb_actions = {
        sessions    = ["dynamodb:GetItem"]
        connections = ["dynamodb:Query"]
      }
      bucket_actions      = { voice = ["s3:PutObject", "s3:GetObject"] } # GetObject for the URLs that it signs
      other_actions       = ["polly:SynthesizeSpeech"]
      manages_connections = ["POST"]
      environment = {
        ENV                = var.environment
        SESSIONS_TABLE     = module.table["sessions"].name
        CONNECTIONS_TABLE  = module.table["connections"].name
        VOICE_BUCKET       = module.voice.name
        WEBSOCKET_ENDPOINT = module.websocket_api.endpoint
      }
    }

    sweep_sessions = {
      schedule        = "rate(1 minute)"
      timeout_seconds = 55 # so that it has ended when it is invoked again
      memory_mb       = local.one_processor_mb
      dynamodb_actions = {
        "sessions/index/byDueAt" = ["dynamodb:Query"]
        sessions                 = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        connections              = ["dynamodb:Query", "dynamodb:BatchWriteItem"]
      }
      manages_connections = ["POST", "DELETE"]
      environment = {
        ENV                    = var.environment
        SESSIONS_TABLE         = module.table["sessions"].name
        CONNECTIONS_TABLE      = module.table["connections"].name
        WEBSOCKET_ENDPOINT     = module.websocket_api.endpoint
        SPEAKER_ABSENT_MINUTES = tostring(var.speaker_absent_minutes)
      }
    }
  }

  # WebSocket routes that API Gateway answers itself, and the messages that it sends. It adds the `timestamp`.
  websocket_replies = {
    "heartbeat" = { type = "heartbeatAck" }
    "$default"  = { type = "error", code = "UNKNOWN_ACTION", message = "Unknown action" }
  }

  http_routes      = { for name, function in local.functions : function.route => name if can(function.route) }
  websocket_routes = { for name, function in local.functions : function.websocket_route => name if can(function.websocket_route) }
  # Also the routes of functions that the environment does not have: their limits can be set before they are enabled.
  known_websocket_routes = concat(
    [for function in local.declared_functions : function.websocket_route if can(function.websocket_route)], keys(local.websocket_replies),
  )
  authorizers = { for name, function in local.functions : function.authorizes => name if can(function.authorizes) }
  streams     = { for name, function in local.functions : name => function.stream if can(function.stream) }
  schedules   = { for name, function in local.functions : name => function.schedule if can(function.schedule) }
}
