# GuardDuty's notifications of changed coverage in this Region, through an SNS topic into one queue for each replica of the
# exporter: SQS delivers a message to one reader. It makes the same as deploy/eventbridge/topic.yaml.

resource "aws_cloudwatch_event_rule" "this" {
  name           = var.name
  description    = "Changes of GuardDuty Runtime Monitoring coverage, for the coverage exporter."
  event_bus_name = var.event_bus_name
  event_pattern  = file("${path.module}/pattern.json")
  tags           = var.tags
}

resource "aws_cloudwatch_event_target" "topic" {
  rule           = aws_cloudwatch_event_rule.this.name
  event_bus_name = var.event_bus_name
  target_id      = "topic"
  arn            = aws_sns_topic.this.arn
}

# Not encrypted by a key: EventBridge cannot use that of AWS (alias/aws/sns). The queues are encrypted.
resource "aws_sns_topic" "this" {
  name = var.name
  tags = var.tags
}

# Without a condition on the rule's ARN: EventBridge sends no such context to SNS.
resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = templatefile("${path.module}/policies/topic.json", { topic_arn = aws_sns_topic.this.arn })
}

resource "aws_sqs_queue" "this" {
  count                     = var.replicas
  name                      = "${var.name}-${count.index + 1}"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 86400 # after a longer stop the first refresh shows more than old messages
  tags                      = var.tags
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[count.index].arn
    maxReceiveCount     = 10
  })
}

resource "aws_sqs_queue" "dead" {
  count                     = var.replicas
  name                      = "${var.name}-${count.index + 1}-dead"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  tags                      = var.tags
}

resource "aws_sqs_queue_policy" "this" {
  count     = var.replicas
  queue_url = aws_sqs_queue.this[count.index].id
  policy = templatefile("${path.module}/policies/queue.json", {
    queue_arn = aws_sqs_queue.this[count.index].arn
    topic_arn = aws_sns_topic.this.arn
  })
}

resource "aws_sns_topic_subscription" "this" {
  count                = var.replicas
  topic_arn            = aws_sns_topic.this.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this[count.index].arn
  raw_message_delivery = true
}
