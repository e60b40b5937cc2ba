resource "aws_kinesis_stream" "this" {
  #checkov:skip=CKV_AWS_185:AWS's own key for Kinesis encrypts it. No other account reads the stream, and a key of our own is billed for each request.

  name             = var.name
  retention_period = 24 # hours, the least: what people said is not kept
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}
