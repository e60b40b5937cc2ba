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
  description = "Partition key attribute, a string."
  type        = string
  nullable    = false
}

variable "range_key" {
  description = "Sort key attribute; null for a table without one."
  type        = string
  default     = null
}

variable "range_key_type" {
  description = "Type of the sort key attribute: S, a string, or N, a number."
  type        = string
  nullable    = false
  default     = "S"

  validation {
    condition     = contains(["S", "N"], var.range_key_type)
    error_message = "range_key_type must be S or N."
  }
}

variable "indexes" {
  description = "Global secondary indexes by name: partition key attribute (a string), sort key attribute (a number), and the attributes to project in addition to the keys; null projects all, an empty set the keys only."
  type        = map(object({ hash_key = string, range_key = string, projected_attributes = optional(set(string)) }))
  nullable    = false
  default     = {}
}

variable "ttl_attribute" {
  description = "TTL attribute: the epoch second after which DynamoDB deletes an item, up to days later."
  type        = string
  nullable    = false
}

variable "stream" {
  description = "Whether the table has a stream of its changes, with old and new images."
  type        = bool
  nullable    = false
}

variable "point_in_time_recovery" {
  description = "Whether the table can be copied as of any second of the last 35 days, to find out what happened."
  type        = bool
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether AWS rejects the deletion of the table."
  type        = bool
  nullable    = false
}
