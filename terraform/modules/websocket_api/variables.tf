variable "name" {
  description = "Name of the API, and the last part of its log group's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z-]{1,128}$", var.name))
    error_message = "name must be 1 to 128 letters, digits or `-`."
  }
}

variable "authorizer" {
  description = "Alias of the function that authorizes handshakes."
  type        = object({ function_name = string, alias = string, invoke_arn = string })
  nullable    = false
}

variable "routes" {
  description = "Routes to functions by route key (`$connect`, `$disconnect` or a message's `action`): the alias to invoke, and the throttle for all connections together. The response to a message goes to its sender."
  type = map(object({
    function_name = string
    alias         = string
    invoke_arn    = string
    throttle      = object({ requests_per_second = number, burst = number })
  }))
  nullable = false

  validation {
    condition     = contains(keys(var.routes), "$connect")
    error_message = "routes must have $connect: only this route is authorized."
  }
}

variable "replies" {
  description = "Routes that API Gateway answers without a function, by route key (a message's `action`, or `$default`): `body` is the JSON object that it sends to the client, with the time of the message added as `timestamp`."
  type = map(object({
    body     = string
    throttle = object({ requests_per_second = number, burst = number })
  }))
  nullable = false

  validation {
    condition     = length(setintersection(keys(var.replies), concat(keys(var.routes), ["$connect", "$disconnect"]))) == 0
    error_message = "replies must be routes of messages without a function."
  }

  validation {
    condition     = alltrue([for reply in var.replies : can(keys(jsondecode(reply.body))) && !strcontains(reply.body, "$") && !strcontains(reply.body, "#")])
    error_message = "The body of a reply must be a JSON object without `$` and `#`, which API Gateway would evaluate as a template."
  }
}

variable "integration_timeout_milliseconds" {
  description = "Timeout of an integration in milliseconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.integration_timeout_milliseconds >= 50 && var.integration_timeout_milliseconds <= 29000
    error_message = "integration_timeout_milliseconds must be 50 to 29000, the limits of API Gateway."
  }
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
