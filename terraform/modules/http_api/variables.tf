variable "name" {
  description = "Name of the API, and the last part of its log group's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits or `-`."
  }
}

variable "routes" {
  description = "Routes by route key (`POST /sessions`): the alias to invoke, whether a JWT is required, and the throttle for all clients together."
  type = map(object({
    function_name = string
    alias         = string
    invoke_arn    = string
    signed_in     = bool
    throttle      = object({ requests_per_second = number, burst = number })
  }))
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.routes) : can(regex("^(GET|POST|PUT|PATCH|DELETE) /[^ ]*$", key))])
    error_message = "Each key of routes must be a method and a path, for example `GET /health`."
  }
}

variable "integration_timeout_milliseconds" {
  description = "Timeout of an integration in milliseconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.integration_timeout_milliseconds >= 50 && var.integration_timeout_milliseconds <= 30000
    error_message = "integration_timeout_milliseconds must be 50 to 30000, the limits of API Gateway."
  }
}

variable "jwt" {
  description = "Accepted tokens: the URL of their issuer and their audience (for Cognito the id of the app client)."
  type        = object({ issuer = string, audience = string })
  nullable    = false

  validation {
    condition     = startswith(var.jwt.issuer, "https://")
    error_message = "jwt.issuer must be an https URL: API Gateway fetches the signing keys from it."
  }
}

variable "cors" {
  description = "CORS: allowed origins of web pages, the request headers that they may send and the response headers that they may read."
  type = object({
    allow_origins  = list(string)
    allow_headers  = list(string)
    expose_headers = list(string)
  })
  nullable = false
}

variable "default_throttle" {
  description = "Throttle of a route without its own."
  type        = object({ requests_per_second = number, burst = number })
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the access log."
  type        = number
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1
    error_message = "log_retention_days must be at least 1: with 0 the log would never expire."
  }
}
