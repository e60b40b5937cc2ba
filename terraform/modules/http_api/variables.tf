variable "name" {
  description = "Name of the API and of its log group's end."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits or `-`."
  }
}

variable "routes" {
  description = "The API as a table, by route key (`POST /sessions`): the function that answers, whether its caller must be signed in, and the limit of all callers together."
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
    error_message = "routes must be keyed by method and path, as in `GET /health`."
  }
}

variable "integration_timeout_milliseconds" {
  description = "Milliseconds that the API waits for a function."
  type        = number
  nullable    = false

  validation {
    condition     = var.integration_timeout_milliseconds >= 50 && var.integration_timeout_milliseconds <= 30000
    error_message = "integration_timeout_milliseconds must be 50 to 30000, as API Gateway allows."
  }
}

variable "jwt" {
  description = "Whose tokens sign a caller in: the issuer's URL, and the audience (Cognito: the app client's id)."
  type        = object({ issuer = string, audience = string })
  nullable    = false

  validation {
    condition     = startswith(var.jwt.issuer, "https://")
    error_message = "jwt.issuer must be an https URL: the API fetches the keys from it."
  }
}

variable "cors" {
  description = "What web pages may do: their origins, the headers that they may send and those that they may read."
  type = object({
    allow_origins  = list(string)
    allow_headers  = list(string)
    expose_headers = list(string)
  })
  nullable = false
}

variable "default_throttle" {
  description = "The stage's limit for each route that has none of its own."
  type        = object({ requests_per_second = number, burst = number })
  nullable    = false
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the access log."
  type        = number
  nullable    = false

  validation {
    condition     = var.log_retention_days >= 1
    error_message = "log_retention_days must be at least 1: 0 would keep the log for ever."
  }
}
