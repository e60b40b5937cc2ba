resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Access logs would need a second bucket. CloudTrail records who reads and writes this one.
  #checkov:skip=CKV_AWS_21:The caller decides about versions (versioned). What people said must not survive its deletion as an old version.
  #checkov:skip=CKV_AWS_144:State, zips and failed records are needed in one region only. Versioning protects against mistakes.
  #checkov:skip=CKV2_AWS_61:The caller chooses expiration_days. State and zips must not expire.
  #checkov:skip=CKV2_AWS_62:Nothing reacts to new objects in this bucket.

  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_versioning" "this" {
  count = var.versioned ? 1 : 0

  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.expiration_days == null ? 0 : 1

  bucket = aws_s3_bucket.this.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.expiration_days
    }

    # In a versioned bucket an expired object becomes an old version: this deletes it for good.
    dynamic "noncurrent_version_expiration" {
      for_each = aws_s3_bucket_versioning.this
      content {
        noncurrent_days = 1
      }
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 knows old versions only once versioning is on.
  depends_on = [aws_s3_bucket_versioning.this]
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
