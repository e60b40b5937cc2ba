locals {
  projections = {
    for name, index in var.indexes :
    name => index.projected_attributes == null ? "ALL" : length(index.projected_attributes) == 0 ? "KEYS_ONLY" : "INCLUDE"
  }
}

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_28:The caller decides about backups (point_in_time_recovery): what people said is not backed up.
  #checkov:skip=CKV_AWS_119:The key that DynamoDB owns encrypts it, free of charge. No other account reads the table, and a key in KMS is billed for each request.

  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.hash_key
  range_key                   = var.range_key
  stream_enabled              = var.stream
  stream_view_type            = var.stream ? "NEW_AND_OLD_IMAGES" : null
  deletion_protection_enabled = var.deletion_protection

  dynamic "attribute" {
    for_each = merge(
      { (var.hash_key) = "S" },
      { for key in compact([var.range_key]) : key => var.range_key_type },
      { for index in var.indexes : index.hash_key => "S" },
      { for index in var.indexes : index.range_key => "N" },
    )
    content {
      name = attribute.key
      type = attribute.value
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes
    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.hash_key
      range_key          = global_secondary_index.value.range_key
      projection_type    = local.projections[global_secondary_index.key]
      non_key_attributes = local.projections[global_secondary_index.key] == "INCLUDE" ? global_secondary_index.value.projected_attributes : null
    }
  }

  ttl {
    enabled        = true
    attribute_name = var.ttl_attribute
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }
}
