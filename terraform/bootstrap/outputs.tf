output "state_bucket" {
  description = "Name to write as `bucket` into environments/<environment>.s3.tfbackend."
  value       = module.state.name
}
