"""The whole system on one machine: what Terraform declares, served without an AWS account."""
