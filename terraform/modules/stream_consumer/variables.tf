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
