data "aws_caller_identity" "current" {}

locals {
  prefix = "session-service-${var.environment}"

  # What was built decides the runtime and the architecture, so the zips and the functions cannot disagree.
  manifest = jsondecode(file("${var.dist_dir}/manifest.json"))

  function_timeout_seconds = 10

  tables = {
    sessions    = { hash_key = "sessionId", range_key = null, stream = true }
    connections = { hash_key = "sessionId", range_key = "connectionId", stream = false }
  }

  user_pool_id        = var.user_pool_id == null ? one(module.identity[*].user_pool_id) : var.user_pool_id
  user_pool_client_id = var.user_pool_id == null ? one(module.identity[*].user_pool_client_id) : var.user_pool_client_id
}

module "table" {
  source   = "./modules/table"
  for_each = local.tables

  name                   = "${local.prefix}-${each.key}"
  hash_key               = each.value.hash_key
  range_key              = each.value.range_key
  ttl_attribute          = "expiresAt"
  stream                 = each.value.stream
  point_in_time_recovery = var.point_in_time_recovery
  deletion_protection    = var.deletion_protection
}

module "identity" {
  source = "./modules/identity"
  count  = var.user_pool_id == null ? 1 : 0

  name                = local.prefix
  deletion_protection = var.deletion_protection
}

module "artifacts" {
  source = "./modules/bucket"

  name = "${local.prefix}-artifacts-${data.aws_caller_identity.current.account_id}"
  # Lambda keeps its own copy of each zip, so nothing is lost with these.
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
  runtime            = local.manifest.runtime
  architecture       = local.manifest.architecture
  timeout_seconds    = local.function_timeout_seconds
  environment        = each.value.environment
  log_retention_days = var.log_retention_days
  dynamodb_actions = {
    for table, actions in each.value.dynamodb_actions :
    table => { table_arn = module.table[table].arn, actions = actions }
  }
}

module "http_api" {
  source = "./modules/http_api"

  name = local.prefix
  routes = {
    for name, function in local.functions : function.route => {
      function_name = module.function[name].name
      invoke_arn    = module.function[name].invoke_arn
      signed_in     = function.signed_in
      throttle      = lookup(var.throttles.routes, function.route, var.throttles.default)
    }
  }

  # A function that runs out of time must say so itself, so the API waits a little longer than it may run.
  integration_timeout_milliseconds = local.function_timeout_seconds * 1000 + 1000

  jwt = {
    # A pool's id begins with its region, which need not be this one.
    issuer   = "https://cognito-idp.${split("_", local.user_pool_id)[0]}.amazonaws.com/${local.user_pool_id}"
    audience = local.user_pool_client_id
  }

  cors = {
    allow_origins  = var.cors_allow_origins
    allow_headers  = ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "traceparent"]
    expose_headers = ["apigw-requestid", "etag", "location", "retry-after"]
  }

  default_throttle   = var.throttles.default
  log_retention_days = var.log_retention_days
}
