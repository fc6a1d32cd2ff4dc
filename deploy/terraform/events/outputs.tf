output "queue_urls" {
  description = "events[].queue_url of the configuration of each replica."
  value       = aws_sqs_queue.this[*].url
}

output "queue_arns" {
  description = "queue_arns of the module role."
  value       = aws_sqs_queue.this[*].arn
}

output "topic_arn" {
  description = "The topic, for further subscribers."
  value       = aws_sns_topic.this.arn
}
