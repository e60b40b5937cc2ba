variable "name" {
  description = "Name of the table."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9A-Za-z_.-]{3,255}$", var.name))
    error_message = "name must be 3 to 255 letters, digits, `_`, `.` or `-`."
  }
}

variable "hash_key" {
  description = "Attribute of the partition key, a string."
  type        = string
  nullable    = false
}

variable "range_key" {
  description = "Attribute of the sort key, a string; null for a table without one."
  type        = string
  default     = null
}

variable "indexes" {
  description = "Indexes by name: the attribute of the partition key, a string; that of the sort key, a number; and what they hold beside all keys, null for whole rows."
  type        = map(object({ hash_key = string, range_key = string, holds = optional(set(string)) }))
  nullable    = false
  default     = {}
}

variable "ttl_attribute" {
  description = "Attribute with the epoch second after which DynamoDB may delete a row, often days later."
  type        = string
  nullable    = false
}

variable "stream" {
  description = "Whether each change is put on a stream, with the row before and after it."
  type        = bool
  nullable    = false
}

variable "point_in_time_recovery" {
  description = "Whether the table can be restored to any second of the last 35 days."
  type        = bool
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the table."
  type        = bool
  nullable    = false
}
