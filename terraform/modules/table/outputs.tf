output "name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.this.arn
}

output "stream_arn" {
  description = "ARN of the table's stream; null for a table without one."
  value       = aws_dynamodb_table.this.stream_enabled ? aws_dynamodb_table.this.stream_arn : null
}

output "point_in_time_recovery" {
  description = "Whether the table can be copied as of any second of the last 35 days."
  value       = one(aws_dynamodb_table.this.point_in_time_recovery[*].enabled)
}

output "shape" {
  description = "Keys, TTL attribute, stream and indexes of the table: the keys and the projection of each."
  value = {
    hash_key         = aws_dynamodb_table.this.hash_key
    range_key        = aws_dynamodb_table.this.range_key
    ttl_attribute    = one([for ttl in aws_dynamodb_table.this.ttl : ttl.attribute_name if ttl.enabled])
    stream_view_type = aws_dynamodb_table.this.stream_enabled ? aws_dynamodb_table.this.stream_view_type : null
    indexes = {
      for index in aws_dynamodb_table.this.global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type]
    }
  }
}
