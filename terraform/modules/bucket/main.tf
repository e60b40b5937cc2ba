resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Only Terraform and Lambda read it; CloudTrail tells who did, without a second bucket of logs.
  #checkov:skip=CKV_AWS_144:All that is in it can be made again, and versions undo a mistake.
  #checkov:skip=CKV2_AWS_61:Old versions of the state are what one goes back to, and Terraform deletes replaced zips itself.
  #checkov:skip=CKV2_AWS_62:Nothing waits for an object to arrive in it.

  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
    bucket_key_enabled = true
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
