variable "name" {
  description = "Name of the consumer; its queue's name begins with it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,71}$", var.name))
    error_message = "name must be 1 to 71 letters, digits, `-` or `_`."
  }
}

variable "function_arn" {
  description = "ARN of the function that gets the records."
  type        = string
  nullable    = false
}

variable "role_name" {
  description = "Name of the function's role: it is given leave to read the stream and to write to the queue."
  type        = string
  nullable    = false
}

variable "stream_arn" {
  description = "ARN of the DynamoDB stream."
  type        = string
  nullable    = false
}

variable "events" {
  description = "Kinds of records that the function gets; others are dropped without invoking it."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.events) > 0 && length(setsubtract(var.events, ["INSERT", "MODIFY", "REMOVE"])) == 0
    error_message = "events must be some of INSERT, MODIFY and REMOVE."
  }
}

variable "batch_size" {
  description = "Records that the function gets at once, at most."
  type        = number
  nullable    = false

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000
    error_message = "batch_size must be 1 to 10000, as Lambda allows."
  }
}
