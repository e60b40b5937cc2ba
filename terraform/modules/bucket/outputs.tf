output "name" {
  description = "Name of the bucket. It depends on versioning, encryption and the public access block, so that no object is written before them."
  value       = aws_s3_bucket.this.id

  depends_on = [
    aws_s3_bucket_versioning.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_public_access_block.this,
  ]
}

output "arn" {
  description = "ARN of the bucket."
  value       = aws_s3_bucket.this.arn
}

output "versioned" {
  description = "Whether the bucket keeps old versions of its objects."
  value       = length(aws_s3_bucket_versioning.this) > 0
}

output "expiration_days" {
  description = "Days after which S3 deletes an object; null for never."
  value       = one(flatten([for configuration in aws_s3_bucket_lifecycle_configuration.this : configuration.rule[*].expiration[0].days]))
}
