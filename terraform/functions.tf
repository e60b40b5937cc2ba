# The APIs as a table: a function's name is its folder, its zip and its log group's end. It answers a `route` of the HTTP
# API or a `websocket_route`, or authorizes one, or consumes the `stream` of a table. `dynamodb_actions` is all that it
# may do, by table or index; `manages_connections` is what it may do to open WebSockets: POST sends to one, DELETE closes one.
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
      # Few at once, for one of them may mean closing every connection of a session.
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
      # Many at once, for one count answers all changes of a session. A row that is only inserted still waits to be let in.
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

  # The WebSocket routes that are answered without a function.
  websocket_replies = {
    "heartbeat" = { type = "heartbeatAck" }
    "$default"  = { type = "error", message = "Unknown action" }
  }

  http_routes      = { for name, function in local.functions : function.route => name if can(function.route) }
  websocket_routes = { for name, function in local.functions : function.websocket_route => name if can(function.websocket_route) }
  authorizers      = { for name, function in local.functions : function.authorizes => name if can(function.authorizes) }
  streams          = { for name, function in local.functions : name => function.stream if can(function.stream) }
}
