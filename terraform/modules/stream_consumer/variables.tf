variable "function_arn" {
  description = "ARN of the function alias that receives the records."
  type        = string
  nullable    = false
}

variable "role_name" {
  description = "Name of the function's role. This module allows it to read the stream and to store failed records."
  type        = string
  nullable    = false
}

variable "account_id" {
  description = "AWS account that owns the bucket, 12 digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits."
  }
}

variable "failed_records_bucket_arn" {
  description = "ARN of the S3 bucket that stores records after the last retry."
  type        = string
  nullable    = false

  validation {
    condition     = startswith(var.failed_records_bucket_arn, "arn:aws:s3:::")
    error_message = "failed_records_bucket_arn must be the ARN of an S3 bucket, for example arn:aws:s3:::name."
  }
}

variable "stream_arn" {
  description = "ARN of the DynamoDB stream."
  type        = string
  nullable    = false
}

variable "events" {
  description = "Event names of the records that the function receives. Lambda discards other records without an invocation."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.events) > 0 && length(setsubtract(var.events, ["INSERT", "MODIFY", "REMOVE"])) == 0
    error_message = "events must be some of INSERT, MODIFY and REMOVE."
  }
}

variable "batch_size" {
  description = "Maximum number of records in one invocation."
  type        = number
  nullable    = false

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10000
    error_message = "batch_size must be 1 to 10000, the limits of Lambda."
  }
}

variable "new_image" {
  description = "Attributes that the new image of a record must have, each with its DynamoDB type, for example { endedAt = \"N\" }. Lambda discards other records without an invocation; empty discards none."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for type in values(var.new_image) : contains(["S", "N", "BOOL"], type)])
    error_message = "new_image must have attributes of the type S, N or BOOL: a filter knows no existence of lists and maps."
  }
}

variable "parallelization_factor" {
  description = "Batches of one shard that are handled at once. Records of one item stay in order."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.parallelization_factor >= 1 && var.parallelization_factor <= 10
    error_message = "parallelization_factor must be 1 to 10, the limits of Lambda."
  }
}

variable "batching_window_seconds" {
  description = "Seconds that a record waits for more records of its batch; 0 for none."
  type        = number
  nullable    = false
  default     = 0

  validation {
    condition     = var.batching_window_seconds >= 0 && var.batching_window_seconds <= 300
    error_message = "batching_window_seconds must be 0 to 300, the limits of Lambda."
  }
}
