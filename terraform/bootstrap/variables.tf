variable "aws_region" {
  description = "AWS region of the bucket and of the APIs that log, as in us-east-1."
  type        = string
  nullable    = false
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be a region's code, as in us-east-1."
  }
}
