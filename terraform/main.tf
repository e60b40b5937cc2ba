data "aws_caller_identity" "current" {}

locals {
  prefix = "session-service-${var.environment}"

  # The build decides runtime and architecture, so that zips and functions always match.
  manifest = jsondecode(file("${var.dist_dir}/manifest.json"))

  function_timeout_seconds = 10
  function_memory_mb       = 512

  tables = {
    sessions = {
      hash_key      = "sessionId"
      range_key     = null
      ttl_attribute = "deleteAt"
      stream        = true
      indexes = {
        # `make sessions` counts it. Without listenerCount, because each new count would cost a write to the index.
        byStatus = { hash_key = "status", range_key = "expiresAt", projected_attributes = ["sourceLanguage"] }
        # list_sessions reads it and returns whole sessions.
        bySpeaker = { hash_key = "speakerId", range_key = "createdAt", projected_attributes = null }
        # sweep_sessions reads what is due. All rows have the same partition key, which DynamoDB allows 1,000 writes per second,
        # and a row with nothing due has none, so that it is not in the index.
        byDueAt = { hash_key = "duePartition", range_key = "dueAt", projected_attributes = [] }
      }
    }
    connections = { hash_key = "sessionId", range_key = "connectionId", ttl_attribute = "deleteAt", stream = true, indexes = {} }
    # One item per session, by its id and its creation time, because ids are used again.
    audiences = {
      hash_key       = "sessionId"
      range_key      = "sessionCreatedAt"
      range_key_type = "N"
      ttl_attribute  = "deleteAt"
      stream         = false
      indexes        = {}
    }
    # Rows live as long as their sessions.
    idempotency_keys = { hash_key = "keyDigest", range_key = null, ttl_attribute = "expiresAt", stream = false, indexes = {} }

    rate_limits = { hash_key = "limitKey", range_key = null, ttl_attribute = "expiresAt", stream = false, indexes = {} }
    # The last caption of each session, one item: its stream has all of them, in order.
    live_captions = {
      hash_key       = "sessionId"
      range_key      = "sessionCreatedAt"
      range_key_type = "N"
      ttl_attribute  = "deleteAt"
      stream         = true
      indexes        = {}
      holds_speech   = true
    }
    # The captions of each session with their translations. The key has the session's id and creation time, so that a session never
    # shows what was said in a former one with its id.
    captions = {
      hash_key       = "sessionKey"
      range_key      = "sequence"
      range_key_type = "N"
      ttl_attribute  = "deleteAt"
      stream         = true
      indexes        = {}
      holds_speech   = true
    }
  }

  # What people said is not kept longer than its session: its tables have no point-in-time recovery, which would keep it for 35 days,
  # and records of their streams that failed (module.failed_captions) and voices (module.voice) are deleted after a day.
  speech_tables = [for name, table in local.tables : name if lookup(table, "holds_speech", false)]

  # Longer than the function's own timeout, so that the function answers a timeout itself.
  integration_timeout_milliseconds = local.function_timeout_seconds * 1000 + 1000

  # ARNs by the names that functions.tf uses: `sessions` for a table, `sessions/index/bySpeaker` for an index.
  dynamodb_arns = merge([
    for name, table in local.tables : merge(
      { (name) = module.table[name].arn },
      { for index in keys(table.indexes) : "${name}/index/${index}" => "${module.table[name].arn}/index/${index}" },
    )
  ]...)

  bucket_arns = { voice = module.voice.arn }

  # Two releases run during a rollout. The one before this signs cursors with the previous key, and the one after it will sign
  # with the next, so list_sessions accepts all three.
  secret_names = {
    address_key         = "address_key/${var.secret_generation}"
    cursor_key          = "cursor_key/${var.secret_generation}"
    cursor_key_previous = "cursor_key/${var.secret_generation - 1}"
    cursor_key_next     = "cursor_key/${var.secret_generation + 1}"
  }
  secrets = { for name, key in local.secret_names : name => terraform_data.secret[key].triggers_replace }

  user_pool_id        = var.user_pool_id == null ? one(module.identity[*].user_pool_id) : var.user_pool_id
  user_pool_client_id = var.user_pool_id == null ? one(module.identity[*].user_pool_client_id) : var.user_pool_client_id
}

# Keys that only functions know, by name and generation: address_key hashes the IP addresses of listeners, cursor_key signs page
# cursors. `make rotate-secrets` raises the generation (docs/runbook.md).
resource "terraform_data" "secret" {
  for_each = toset(values(local.secret_names))

  # 122 random bits from the operating system. Not `input`: Terraform would show it again as `output`, not marked as sensitive.
  triggers_replace = sensitive(uuid())

  lifecycle {
    ignore_changes = [triggers_replace]
  }
}

module "table" {
  source   = "./modules/table"
  for_each = local.tables

  name                   = "${local.prefix}-${each.key}"
  hash_key               = each.value.hash_key
  range_key              = each.value.range_key
  range_key_type         = lookup(each.value, "range_key_type", "S")
  indexes                = each.value.indexes
  ttl_attribute          = each.value.ttl_attribute
  stream                 = each.value.stream
  point_in_time_recovery = var.point_in_time_recovery && !contains(local.speech_tables, each.key)
  deletion_protection    = var.deletion_protection
}

# What speakers say, until it is recognized.
module "audio_stream" {
  source = "./modules/audio_stream"
  count  = var.audio_stream ? 1 : 0

  name = "${local.prefix}-audio"
}

module "identity" {
  source = "./modules/identity"
  count  = var.user_pool_id == null ? 1 : 0

  name                = local.prefix
  allow_password_auth = var.allow_password_auth
  deletion_protection = var.deletion_protection
}

module "artifacts" {
  source = "./modules/bucket"

  name = "${local.prefix}-artifacts-${data.aws_caller_identity.current.account_id}"
  # Lambda keeps its own copy of each zip.
  force_destroy = true
}

resource "aws_s3_object" "zip" {
  for_each = local.functions

  bucket = module.artifacts.name
  key    = "${each.key}/${local.manifest.functions[each.key].sha256}.zip"
  source = "${var.dist_dir}/${local.manifest.functions[each.key].file}"

  lifecycle {
    create_before_destroy = true
  }
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  name               = "${local.prefix}-${each.key}"
  handler            = "functions.${each.key}.handler.handler"
  zip                = { bucket = aws_s3_object.zip[each.key].bucket, key = aws_s3_object.zip[each.key].key }
  release            = local.manifest.version
  runtime            = local.manifest.runtime
  architecture       = local.manifest.architecture
  timeout_seconds    = lookup(each.value, "timeout_seconds", local.function_timeout_seconds)
  memory_mb          = lookup(each.value, "memory_mb", local.function_memory_mb)
  environment        = each.value.environment
  log_retention_days = var.log_retention_days

  permissions = merge(
    {
      for table, actions in each.value.dynamodb_actions :
      table => { resource = local.dynamodb_arns[table], actions = actions }
    },
    {
      for bucket, actions in lookup(each.value, "bucket_actions", {}) :
      "objects of ${bucket}" => { resource = "${local.bucket_arns[bucket]}/*", actions = actions }
    },
    {
      for method in lookup(each.value, "manages_connections", []) :
      "${method} @connections" => {
        resource = "${module.websocket_api.execution_arn}/${method}/@connections/*"
        actions  = ["execute-api:ManageConnections"]
      }
    },
    {
      for actions in [lookup(each.value, "audio_actions", [])] :
      "audio_stream" => { resource = one(module.audio_stream[*].arn), actions = actions } if length(actions) > 0
    },
    {
      for actions in [lookup(each.value, "other_actions", [])] :
      "without a resource" => { resource = "*", actions = actions } if length(actions) > 0
    },
  )
}

# Stream records that a consumer could not handle, stored by Lambda. docs/runbook.md describes how to read them.
module "failed_records" {
  source = "./modules/bucket"

  name            = "${local.prefix}-failed-records-${data.aws_caller_identity.current.account_id}"
  expiration_days = var.failed_record_retention_days
  force_destroy   = !var.deletion_protection
}

# Failed records with what people said. Without versions, which would keep them after their deletion.
module "failed_captions" {
  source = "./modules/bucket"

  name            = "${local.prefix}-failed-captions-${data.aws_caller_identity.current.account_id}"
  versioned       = false
  expiration_days = var.speech_expires ? 1 : null
  force_destroy   = !var.deletion_protection
}

# The voices of captions. S3 counts whole days, to the midnight (UTC) after them: a voice lives 24 to 48 h, a session at most 24.
module "voice" {
  source = "./modules/bucket"

  name            = "${local.prefix}-voice-${data.aws_caller_identity.current.account_id}"
  versioned       = false
  expiration_days = var.speech_expires ? 1 : null
  force_destroy   = !var.deletion_protection
}

module "stream_consumer" {
  source   = "./modules/stream_consumer"
  for_each = local.streams

  function_arn              = module.function[each.key].live.arn
  role_name                 = module.function[each.key].role_name
  stream_arn                = module.table[each.value.table].stream_arn
  events                    = each.value.events
  new_image                 = lookup(each.value, "new_image", {})
  parallelization_factor    = lookup(each.value, "parallelization_factor", 1)
  batch_size                = each.value.batch_size
  batching_window_seconds   = lookup(each.value, "batching_window_seconds", 0)
  failed_records_bucket_arn = contains(local.speech_tables, each.value.table) ? module.failed_captions.arn : module.failed_records.arn
  account_id                = data.aws_caller_identity.current.account_id
}

module "schedule" {
  source   = "./modules/schedule"
  for_each = local.schedules

  function_name = module.function[each.key].name
  alias         = { name = module.function[each.key].live.name, arn = module.function[each.key].live.arn }
  expression    = each.value
  region        = var.aws_region
  account_id    = data.aws_caller_identity.current.account_id
}

module "http_api" {
  source = "./modules/http_api"

  name = local.prefix
  routes = {
    for route, name in local.http_routes : route => {
      function_name = module.function[name].name
      alias         = module.function[name].live.name
      invoke_arn    = module.function[name].live.invoke_arn
      signed_in     = local.functions[name].signed_in
      throttle      = lookup(var.throttles.http_api, route, var.throttles.http_api.default)
    }
  }

  integration_timeout_milliseconds = local.integration_timeout_milliseconds

  jwt = {
    # An existing pool may be in another region. Its id begins with the region's name.
    issuer   = "https://cognito-idp.${split("_", local.user_pool_id)[0]}.amazonaws.com/${local.user_pool_id}"
    audience = local.user_pool_client_id
  }

  cors = {
    allow_origins  = var.cors_allow_origins
    allow_headers  = ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "traceparent"]
    expose_headers = ["apigw-requestid", "etag", "location", "retry-after"]
  }

  default_throttle   = var.throttles.http_api.default
  log_retention_days = var.log_retention_days
}

module "websocket_api" {
  source = "./modules/websocket_api"

  name = "${local.prefix}-websocket"

  authorizer = {
    function_name = module.function[local.authorizers["$connect"]].name
    alias         = module.function[local.authorizers["$connect"]].live.name
    invoke_arn    = module.function[local.authorizers["$connect"]].live.invoke_arn
  }

  routes = {
    for route, name in local.websocket_routes : route => {
      function_name = module.function[name].name
      alias         = module.function[name].live.name
      invoke_arn    = module.function[name].live.invoke_arn
      throttle      = lookup(var.throttles.websocket_api, route, var.throttles.websocket_api.default)
    }
  }

  replies = {
    for route, message in local.websocket_replies : route => {
      body     = jsonencode(message)
      throttle = lookup(var.throttles.websocket_api, route, var.throttles.websocket_api.default)
    }
  }

  integration_timeout_milliseconds = local.integration_timeout_milliseconds
  default_throttle                 = var.throttles.websocket_api.default
  log_retention_days               = var.log_retention_days
}
