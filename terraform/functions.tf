# The API as a table: a function's name is its folder, its zip and its log group's end. `dynamodb_actions` is all that
# it may do, by table.
locals {
  functions = {
    create_session = {
      route            = "POST /sessions"
      signed_in        = true
      dynamodb_actions = { sessions = ["dynamodb:PutItem"] }
      environment = {
        ENV               = var.environment
        SESSIONS_TABLE    = module.table["sessions"].name
        SESSION_ID_DIGITS = tostring(var.session_id_digits)
      }
    }

    get_session = {
      route            = "GET /sessions/{sessionId}"
      signed_in        = false
      dynamodb_actions = { sessions = ["dynamodb:GetItem"] }
      environment = {
        ENV            = var.environment
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
  }
}
