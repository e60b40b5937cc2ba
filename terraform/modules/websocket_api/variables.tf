variable "name" {
  description = "Name of the API and of its log group's end."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits or `-`."
  }
}

variable "authorizer" {
  description = "Function that is asked whether a connection may be opened."
  type        = object({ function_name = string, alias = string, invoke_arn = string })
  nullable    = false
}

variable "routes" {
  description = "The routes that a function answers, by route key (`$connect`, `$disconnect` or a message's `action`), with the limit of all connections together."
  type = map(object({
    function_name = string
    alias         = string
    invoke_arn    = string
    throttle      = object({ requests_per_second = number, burst = number })
  }))
  nullable = false

  validation {
    condition     = contains(keys(var.routes), "$connect")
    error_message = "routes must hold $connect: whoever may connect at all is decided there."
  }
}

variable "replies" {
  description = "The routes that are answered without a function, by route key (a message's `action`, or `$default` for any other): `body` is the JSON that is sent back."
  type = map(object({
    body     = string
    throttle = object({ requests_per_second = number, burst = number })
  }))
  nullable = false

  validation {
    condition     = length(setintersection(keys(var.replies), concat(keys(var.routes), ["$connect", "$disconnect"]))) == 0
    error_message = "replies must be routes of messages that no function answers."
  }

  validation {
    condition     = alltrue([for reply in var.replies : can(jsondecode(reply.body)) && !strcontains(reply.body, "$") && !strcontains(reply.body, "#")])
    error_message = "replies must be JSON without `$` and `#`, which API Gateway would read as parts of a template."
  }
}

variable "integration_timeout_milliseconds" {
  description = "Milliseconds that the API waits for a function."
  type        = number
  nullable    = false

  validation {
    condition     = var.integration_timeout_milliseconds >= 50 && var.integration_timeout_milliseconds <= 29000
    error_message = "integration_timeout_milliseconds must be 50 to 29000, as API Gateway allows."
  }
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
