output "arn" {
  description = "targets[].role_arn of the exporter's configuration."
  value       = aws_iam_role.this.arn
}
