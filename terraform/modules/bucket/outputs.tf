output "name" {
  description = "Name of the bucket, known once nothing in it is public or unversioned."
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
