# The functions and what each may do. The key is the function's folder, its zip and the end of its log group's name.
#
# route               route key of the HTTP API; `signed_in` says whether it needs a valid token
# websocket_route     route key of the WebSocket API
# authorizes          route key of the WebSocket API whose Lambda authorizer this is
# stream              table whose stream invokes it, the event names that it gets and its batch size
# dynamodb_actions    its IAM actions by table or index
# manages_connections methods that it may call on open WebSockets: POST sends a message, DELETE closes the connection
# environment         its settings, which its handler reads
locals {
  functions = {
    create_session = {
      route     = "POST /sessions"
      signed_in = true
      dynamodb_actions = {
        sessions    = ["dynamodb:PutItem"]
        rate_limits = ["dynamodb:UpdateItem"]
      }
      environment = {
        ENV                           = var.environment
        SESSIONS_TABLE                = module.table["sessions"].name
        SESSION_ID_DIGITS             = tostring(var.session_id_digits)
        RATE_LIMITS_TABLE             = module.table["rate_limits"].name
        SESSIONS_PER_SPEAKER_PER_HOUR = tostring(var.sessions_per_speaker_per_hour)
      }
    }

    list_sessions = {
      route            = "GET /sessions"
      signed_in        = true
      dynamodb_actions = { "sessions/index/bySpeaker" = ["dynamodb:Query"] }
      environment = {
        SESSIONS_TABLE = module.table["sessions"].name
        CURSOR_KEY     = local.secrets.cursor_key
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
        rate_limits = ["dynamodb:UpdateItem"]
      }
      environment = {
        ENV                          = var.environment
        SESSIONS_TABLE               = module.table["sessions"].name
        CONNECTIONS_TABLE            = module.table["connections"].name
        MAX_LISTENERS                = tostring(var.max_listeners)
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

    session_changed = {
      # Small batches, because one record may mean closing every connection of a session.
      stream          = { table = "sessions", events = ["MODIFY", "REMOVE"], batch_size = 10 }
      timeout_seconds = 60
      dynamodb_actions = {
        sessions    = ["dynamodb:GetItem"]
        connections = ["dynamodb:Query", "dynamodb:DeleteItem"]
      }
      manages_connections = ["POST", "DELETE"]
      environment = {
        SESSIONS_TABLE     = module.table["sessions"].name
        CONNECTIONS_TABLE  = module.table["connections"].name
        WEBSOCKET_ENDPOINT = module.websocket_api.endpoint
      }
    }

    connections_changed = {
      # Large batches, because one count serves all changes of a session. INSERT is left out: an inserted row still waits
      # for its admission.
      stream          = { table = "connections", events = ["MODIFY", "REMOVE"], batch_size = 100 }
      timeout_seconds = 60
      dynamodb_actions = {
        sessions    = ["dynamodb:UpdateItem"]
        connections = ["dynamodb:Query"]
      }
      manages_connections = ["POST"]
      environment = {
        ENV                = var.environment
        SESSIONS_TABLE     = module.table["sessions"].name
        CONNECTIONS_TABLE  = module.table["connections"].name
        WEBSOCKET_ENDPOINT = module.websocket_api.endpoint
      }
    }
  }

  # WebSocket routes that API Gateway answers itself, and the messages that it sends.
  websocket_replies = {
    "heartbeat" = { type = "heartbeatAck" }
    "$default"  = { type = "error", message = "Unknown action" }
  }

  http_routes      = { for name, function in local.functions : function.route => name if can(function.route) }
  websocket_routes = { for name, function in local.functions : function.websocket_route => name if can(function.websocket_route) }
  authorizers      = { for name, function in local.functions : function.authorizes => name if can(function.authorizes) }
  streams          = { for name, function in local.functions : name => function.stream if can(function.stream) }
}
