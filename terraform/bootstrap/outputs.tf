output "backend" {
  description = "Content of terraform/environments/<environment>/backend.hcl."
  value       = <<-EOT
    bucket       = "${aws_s3_bucket.this.bucket}"
    key          = "slipway.tfstate"
    region       = "${var.region}"
    encrypt      = true
    kms_key_id   = "${module.key.arn}"
    use_lockfile = true
  EOT
}
